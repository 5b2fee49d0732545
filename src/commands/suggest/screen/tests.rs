use std::io::Cursor;

use super::*;
use crate::commands::suggest::answers::{Answers, Earlier};
use crate::commands::suggest::decisions::{Answer, Decisions, Queues};
use crate::commands::suggest::plain::Plain;
use crate::config;
use crate::pattern::{Budget, Spans};
use crate::rules::decide;
use crate::suggest::{Keep, Lexicon, Miner, rules};

const NORMAL: Size = Size {
    columns: 80,
    rows: 24,
};

fn miner() -> Miner {
    let mut miner = Miner::new(Lexicon::new(std::iter::empty()));
    for n in 0..12 {
        for text in [
            format!("job: run {n} failed on db{}", n % 3),
            format!("job: run {n} finished"),
            format!("job: run {n} finished in {n}{n} s"),
            format!("job: run {n} started"),
            format!("mailer: queue {n} flushed to 192.0.2.{n}"),
            format!("app: ログ \u{1b}[2J {n} \u{202e} written"),
        ] {
            miner.take(format!("host{}", n % 2).as_bytes(), text.as_bytes());
        }
        miner.take(b"host1", b"app: \xff\xfe bytes \x07 written");
    }
    miner
}

fn decisions(earlier: &Earlier) -> Decisions {
    let queues = Queues {
        critical: "critical".into(),
        report: "report".into(),
        misc: "misc".into(),
    };
    let miner = miner();
    let lines = miner.lines();
    let blocks = rules(miner, Keep::default());
    Decisions::new(blocks, queues, (lines, 2 * lines), earlier, 1)
}

fn screen() -> Screen {
    let offer = Offer {
        files: vec![("postfix".into(), 12), ("cron".into(), 3)],
        lines: 15,
        hindrance: None,
    };
    let file = "/etc/tenshi/includes-active/suggested-2026-11-29".to_owned();
    Screen::new(decisions(&Earlier::default()), offer, file, NORMAL)
}

fn press(screen: &mut Screen, keys: &str) -> Vec<Effect> {
    let key = |c| match c {
        '\n' => Key::Enter,
        '\t' => Key::Tab,
        '\x1b' => Key::Escape,
        '^' => Key::Home,
        '↓' => Key::Down,
        c => Key::Char(c),
    };
    keys.chars().map(|c| screen.key(key(c))).collect()
}

fn shown(screen: &Screen) -> String {
    let lines = screen.frame().lines;
    assert_eq!(lines.len(), screen.size.rows);
    let width = lines.iter().map(Line::width).max();
    assert!(width <= Some(screen.size.columns), "{lines:?}");
    let lines: Vec<String> = lines.iter().map(Line::text).collect();
    lines.join("\n")
}

#[test]
fn the_first_view_has_what_fits_and_what_the_programs_bring() {
    let mut screen = screen();
    let text = shown(&screen);
    for part in [
        " 50.0 % of 168 lines reached, 7 rules open",
        "2 rule files fit and take 15 lines (8.9 %):  l  links them",
        "  postfix 12  cron 3",
        ">      48    28.5 %      4  report 1  misc 3",
        "a accept",
        "q leave",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // The loud rule stands first below the list.
    let preview = text.rsplit("-----\n").next().unwrap_or_default();
    assert!(preview.trim_start().starts_with("12  report?"), "{text}");
    assert_eq!(press(&mut screen, "l"), [Effect::Link]);
    assert_eq!(press(&mut screen, "a"), [Effect::Save]);
    let text = shown(&screen);
    assert!(
        text.contains(" 78.5 % of 168 lines reached, 3 rules open"),
        "{text}"
    );
    assert!(text.contains("accepted 4") && text.contains("> "), "{text}");
    assert_eq!(press(&mut screen, "wq"), [Effect::Compare, Effect::Leave]);
    assert_eq!(screen.key(Key::Control('c')), Effect::Leave);
}

#[test]
fn a_screen_and_questions_give_the_same_file() {
    for (keys, answers) in [
        ("aaa", "a\na\na\n"),
        ("sa", "s\na\n"),
        ("auas", "a\nu\na\ns\n"),
        ("\ncmrs", "l\nc\nm\nr\ns\n"),
        ("\nctum", "l\nc\nt\nu\nm\n"),
        ("\ntnau", "l\nt\nn\na\nu\n"),
        ("\nty", "l\nt\ny\n"),
        ("\nc>a", "l\nc\n>\n2\na\n"),
        ("\nkc", "l\nk\n2\nc\n"),
    ] {
        let mut screen = screen();
        press(&mut screen, keys);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers");
        let mut said = Vec::new();
        let mut plain = Plain {
            decisions: decisions(&Earlier::default()),
            answers: Answers::open(&path).unwrap(),
            samples: false,
            input: &mut Cursor::new(answers.as_bytes()),
            out: &mut said,
            at: None,
        };
        plain.run().unwrap();
        let file = std::fs::read(&path).unwrap_or_default();
        let text = screen.decisions.text();
        assert_eq!(
            String::from_utf8_lossy(&file),
            String::from_utf8_lossy(&text),
            "{keys:?}"
        );
        assert_eq!(text.is_empty(), keys.ends_with("tnau"));
    }
}

#[test]
fn failures_are_dropped_after_a_word_alone() {
    let mut screen = screen();
    assert_eq!(press(&mut screen, "t"), [Effect::Save]);
    let text = shown(&screen);
    assert!(
        text.contains("3 rules dropped; 1 rule with a word of failure left to you"),
        "{text}"
    );
    assert!(text.contains("report, it says `fail`: 12 lines"), "{text}");
    let written = screen.decisions.text();
    assert_eq!(written.windows(6).filter(|w| w == b"trash ").count(), 3);
    press(&mut screen, "t");
    assert!(shown(&screen).contains("these lines say `fail`: drop them all the same?"));
    assert_eq!(press(&mut screen, "n"), [Effect::None]);
    assert_eq!(screen.decisions.text(), written);
    assert_eq!(press(&mut screen, "ty"), [Effect::None, Effect::Save]);
    let written = screen.decisions.text();
    assert_eq!(written.windows(6).filter(|w| w == b"trash ").count(), 4);
    assert_eq!(screen.view, View::Programs);
}

fn chosen(screen: &Screen) -> String {
    let item = &screen.decisions.programs[screen.program].items[screen.item];
    String::from_utf8_lossy(&item.pattern).into_owned()
}

#[test]
fn a_rule_is_changed_by_keys_and_proven_at_once() {
    let mut screen = screen();
    press(&mut screen, "\n");
    assert_eq!(
        chosen(&screen),
        r"^job: run (\d+) failed on ([^\s]+)$".replace(r"[^\s]", r"\S")
    );
    press(&mut screen, ">");
    assert!(
        chosen(&screen).starts_with(r"^job: run ([\d.]+) failed"),
        "{}",
        chosen(&screen)
    );
    press(&mut screen, "<k");
    assert!(
        chosen(&screen).starts_with(r"^job: run (?:\d+) failed"),
        "{}",
        chosen(&screen)
    );
    press(&mut screen, "uuu");
    assert!(shown(&screen).contains("taken back"));
    // Its last piece has three values.
    press(&mut screen, "\tx");
    assert!(shown(&screen).contains("now 3 rules"), "{}", shown(&screen));
    assert!(
        chosen(&screen).ends_with(r" failed on db0$"),
        "{}",
        chosen(&screen)
    );
    press(&mut screen, "u");
    // No pattern takes these two without a third one; of the last two one becomes.
    press(&mut screen, "j↓j");
    assert!(
        shown(&screen).contains("no pattern takes both"),
        "{}",
        shown(&screen)
    );
    press(&mut screen, "↓j↓");
    assert!(
        shown(&screen).contains("\nj      12  misc?      run "),
        "{}",
        shown(&screen)
    );
    press(&mut screen, "j");
    let text = shown(&screen);
    assert!(
        text.contains("and all of 1 other rule, one with it now"),
        "{text}"
    );
    assert!(
        chosen(&screen).ends_with(r"(\d+) (finished|started)$"),
        "{}",
        chosen(&screen)
    );
    assert!(text.contains("misc: 24 lines"), "{text}");
}

#[test]
fn an_edited_pattern_is_proven_at_once() {
    let mut screen = screen();
    press(&mut screen, "\n");
    press(&mut screen, "ex\n");
    let text = shown(&screen);
    assert!(text.contains("pattern: ^job"), "{text}");
    assert!(
        text.contains("takes 0 of 12 samples; the old pattern stays"),
        "{text}"
    );
    press(&mut screen, "\x1b");
    let before = chosen(&screen);
    assert_eq!(press(&mut screen, "e\x1b"), [Effect::None, Effect::None]);
    assert_eq!(chosen(&screen), before);
    for key in [Key::Char('e'), Key::Control('u')] {
        screen.key(key);
    }
    press(&mut screen, r"job: run (\d) failed");
    press(&mut screen, "\n");
    let text = shown(&screen);
    assert!(
        text.contains("takes 10 of 12 samples; the others keep the old pattern"),
        "{text}"
    );
    press(&mut screen, "?");
    let help = shown(&screen);
    // It needs no second page on the smallest terminal.
    assert!(
        help.contains("The programs ") && help.contains("\nbecome one."),
        "{help}"
    );
    press(&mut screen, "\x1by");
    assert!(
        shown(&screen).contains("report: its text says `fail`"),
        "{}",
        shown(&screen)
    );
}

#[test]
fn a_question_is_not_answered_by_a_stray_key() {
    let mut screen = screen();
    let text = "a line\n".repeat(100);
    screen.show(Page::new(text.as_bytes()).asking("Reload?".into()));
    assert_eq!(press(&mut screen, "a\n s"), [Effect::None; 4]);
    assert!(shown(&screen).contains("Reload? y, or Esc"));
    assert_eq!(press(&mut screen, "y"), [Effect::Reload]);
    screen.show(Page::new(b"x").asking("Reload?".into()));
    assert_eq!(press(&mut screen, "ny"), [Effect::None; 2]);
}

/// Each accepted rule takes its messages in the configuration that is written, whatever was pressed before.
fn all_is_taken(screen: &Screen) {
    let head = "set mailserver h\nset queue critical f@x t@x [now]\nset queue report f@x t@x [now]\n\
                set queue misc f@x t@x [now]\n";
    let text = [head.as_bytes(), &screen.decisions.text()].concat();
    let loaded = config::parse_bytes(&text);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let config = loaded.config.unwrap();
    let items = screen.decisions.programs.iter().flat_map(|p| &p.items);
    let accepted = items.filter(|item| matches!(item.answer, Answer::Accepted(_)));
    for item in accepted {
        for (message, _) in item.messages.iter() {
            let (mut spans, mut budget) = (Spans::default(), Budget::new(message.len()));
            let rule = decide(&config.rules, b"h", message, &mut spans, &mut budget);
            let rule = rule.map(|id| config.rules[id.index()].pattern.source().to_vec());
            assert_eq!(
                rule.as_ref(),
                Some(&item.pattern),
                "{}",
                String::from_utf8_lossy(&text)
            );
        }
    }
    let lines: u64 = screen.decisions.programs.iter().map(|p| p.lines()).sum();
    assert_eq!(lines, screen.decisions.lines / 2);
}

#[test]
fn no_keys_on_no_screen_lead_astray() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % most as u64).unwrap()
    };
    let keys: Vec<char> = "aacrmtsuuje<>>kx?yn/A\n\n\t\t\t\x1b\x1b^↓↓↓.*d+()"
        .chars()
        .collect();
    let mut screen = screen();
    for n in 0..1500 {
        let key = keys[random(keys.len())];
        if n % 5 == 0 {
            let (columns, rows) = (random(120) + 1, random(40) + 1);
            screen.resize(Size { columns, rows });
        }
        let effect = press(&mut screen, &key.to_string());
        let text = shown(&screen);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        if effect == [Effect::Save] && n % 3 == 0 {
            all_is_taken(&screen);
        }
    }
    let undone = std::iter::from_fn(|| screen.decisions.undo()).count();
    assert!(undone > 5, "{undone}");
    assert_eq!(screen.decisions.text(), b"");
}

#[test]
fn only_new_questions_are_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answers");
    let mut screen = screen();
    // One rule accepted, one in another form, one skipped; another program is split, and left half answered.
    press(&mut screen, "\nc>rs\x1b↓\n");
    press(&mut screen, "\tx");
    let reached = screen.decisions.reached();
    let mut answers = Answers::open(&path).unwrap();
    answers.write(&screen.decisions.text()).unwrap();
    let again = decisions(Answers::open(&path).unwrap().earlier());
    assert_eq!(again.reached(), reached);
    let open = |decisions: &Decisions| {
        let open = decisions.programs.iter().flat_map(|p| p.open());
        open.map(|item| item.lines).sum::<u64>()
    };
    assert_eq!(open(&again), open(&screen.decisions));
}
