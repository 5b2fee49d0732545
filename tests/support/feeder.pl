#!/usr/bin/perl
# Stands in for tail below the original: writes the logs named, waits until the reader has taken
# and handled them all, and tells it to finish. So a comparison takes no fixed waiting time. A line
# `@signal NAME` is not written: the reader gets this signal when it has handled what stands before.
use strict;
use warnings;

my $reader = getppid();
$| = 1;
for my $path (@ARGV) {
    open my $log, '<', $path or die "$path: $!";
    while (<$log>) {
        if (/^\@signal (\w+)$/) { give($1) }
        else                   { print }
    }
}
give('TERM');
sleep 60;

# What is written after the signal is handled after it: the reader had time to catch it.
sub give {
    wait_for_quiet();
    kill $_[0] => $reader;
    select undef, undef, undef, 0.1;
    wait_for_quiet();
}

# The reader is done when the pipe is empty and it sleeps in select: twice in a row, to be sure.
sub wait_for_quiet {
    my $quiet = 0;
    while ($quiet < 2) {
        select undef, undef, undef, 0.01;
        my $waiting = pack 'L', 0;
        ioctl STDOUT, 0x541B, $waiting;    # FIONREAD
        open my $stat, '<', "/proc/$reader/stat" or exit;
        my ($state) = <$stat> =~ /\) (\S)/;
        $quiet = (unpack('L', $waiting) == 0 && $state eq 'S') ? $quiet + 1 : 0;
    }
}
