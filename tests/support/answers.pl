# What Perl answers about patterns. Reads rows `R HEX` (a pattern) and `S HEX` (a subject for it), and
# prints for each R `ok` or `refuse`, and for each S `nomatch`, `slow`, or the spans of the groups.
# To be run with PERL_SIGNALS=unsafe: a match that takes too long is left by the signal.
use strict;
no warnings;
use Time::HiRes qw(setitimer ITIMER_VIRTUAL);

$SIG{VTALRM} = sub { die "slow\n" };
my $regex;
while (my $row = <STDIN>) {
    chomp $row;
    my ($kind, $hex) = split / /, $row, 2;
    my $bytes = pack 'H*', $hex;
    if ($kind eq 'R') {
        $regex = eval { qr/$bytes/ };
        print defined $regex ? "ok\n" : "refuse\n";
        next;
    }
    my @spans;
    my $found = defined $regex && eval {
        setitimer(ITIMER_VIRTUAL, 1);
        my $matched = $bytes =~ $regex;
        setitimer(ITIMER_VIRTUAL, 0);
        @spans = map { defined $-[$_] ? "$-[$_]-$+[$_]" : '-' } 0 .. $#+ if $matched;
        $matched ? 'yes' : 'no';
    };
    setitimer(ITIMER_VIRTUAL, 0);
    print !defined $regex ? 'refuse' : !defined $found ? 'slow'
        : $found eq 'yes' ? join(',', @spans) : 'nomatch', "\n";
}
