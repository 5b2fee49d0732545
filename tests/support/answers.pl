# What Perl answers about patterns. Reads rows `R HEX` (a pattern) and `S HEX` (a subject for it) from
# a file on standard input, and prints for each R `ok` or `refuse`, and for each S `nomatch`, `slow`,
# or the spans of the groups; `slow` also where Perl gives up.
# To be run with PERL_SIGNALS=unsafe: the signal ends a match that takes too long. Perl is not fit for
# more after that, so another one goes on behind the row: at the second number, with the pattern at
# the first.
use strict;
no warnings;
use POSIX qw(:signal_h);
use Time::HiRes qw(setitimer ITIMER_VIRTUAL);

my ($regex, $regex_at);
# The signal is still blocked where it came.
sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGVTALRM));
if (my ($at, $next) = @ARGV) {
    seek STDIN, $regex_at = $at, 0;
    my ($hex) = <STDIN> =~ /^R (.*)/;
    my $bytes = pack 'H*', $hex;
    $regex = qr/$bytes/;
    seek STDIN, $next, 0;
}
my $here = tell STDIN;
$SIG{VTALRM} = sub {
    $| = 1;
    print "slow\n";
    exec $^X, $0, $regex_at, $here;
};
while (my $row = <STDIN>) {
    my $row_at = $here;
    $here = tell STDIN;
    chomp $row;
    my ($kind, $hex) = split / /, $row, 2;
    my $bytes = pack 'H*', $hex;
    if ($kind eq 'R') {
        $regex_at = $row_at;
        $regex = eval { qr/$bytes/ };
        print defined $regex ? "ok\n" : "refuse\n";
        next;
    }
    if (!defined $regex) {
        print "refuse\n";
        next;
    }
    my $answer = eval {
        setitimer(ITIMER_VIRTUAL, 1);
        my $matched = $bytes =~ $regex;
        setitimer(ITIMER_VIRTUAL, 0);
        my @spans = map { defined $-[$_] ? "$-[$_]-$+[$_]" : '-' } 0 .. $#+;
        $matched ? join(',', @spans) : 'nomatch';
    };
    setitimer(ITIMER_VIRTUAL, 0);
    print $answer // 'slow', "\n";
}
