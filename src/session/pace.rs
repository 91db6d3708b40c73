//! What replies to a statement taught about the next one: whether to stay awake for it, and whether
//! others may stand in line behind it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::names::Mentions;
use super::plain::is_plain_read;
use super::state::Leaves;

/// However often it was in vain, after so many more requests it is tried again.
const MOST_PASSED_OVER: u32 = 1023;

/// A light statement is answered in this, when it has its turn.
const LIGHT: Duration = Duration::from_micros(100);
/// One that took longer than this even once is none.
const LONG: Duration = Duration::from_millis(10);
/// So many answers are enough to tell by.
const ANSWERS: u32 = 8;

/// What replies to a statement taught about the next one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Whether it is in vain to wait awake.
    awake: Doubt,
    /// What is known of a plain read: nobody waits behind anything else.
    in_line: Option<InLine>,
    /// What its text tells of the names that it changes.
    pub mentions: Mentions,
    /// What it may leave in its session.
    pub leaves: Leaves,
}

impl Pace {
    /// What is known of a statement that was not run yet.
    pub fn of(sql: &str) -> Self {
        let in_line = is_plain_read(sql).then(InLine::default);
        let leaves = if in_line.is_some() { Leaves::Nothing } else { Leaves::of(sql) };
        Self { awake: Doubt::default(), in_line, mentions: Mentions::of(sql), leaves }
    }

    /// For a script that changes what names mean: nothing is learnt of it.
    pub fn mentioning(mentions: Mentions) -> Self {
        Self { mentions, ..Self::default() }
    }

    /// Whether the next request is to be waited for awake.
    pub fn is_quick(&self) -> bool {
        let is_quick = self.awake.is_over();
        self.awake.pass();
        is_quick
    }

    /// Whether it was worth it.
    pub fn learn_of_wait(&self, in_time: bool) {
        self.awake.learn(in_time);
    }

    /// Whether others may wait behind it: it is a plain read, and takes the server hardly any time as
    /// far as is known.
    pub fn is_light(&self) -> bool {
        self.in_line.as_ref().is_some_and(|known| known.doubt.is_over())
    }

    /// Its answer is not there, long after it could be.
    pub fn learn_of_delay(&self) {
        self.learn_of_answer(LONG, None);
    }

    /// How long its answer took: after that to the request before it; or else from the asking on,
    /// where no answer comes sooner than `soonest`.
    pub fn learn_of_answer(&self, took: Duration, soonest: Option<Duration>) {
        let own = match soonest {
            None => Some(took),
            // How much of it was the way there and back is not known, only whether it was long.
            Some(soonest) => Some(took.saturating_sub(soonest)).filter(|own| *own >= LONG),
        };
        if let Some(known) = &self.in_line {
            known.learn(own);
        }
    }
}

/// How many times something is not tried, for it was in vain: about twice as many each time.
#[derive(Debug, Default)]
struct Doubt {
    left: AtomicU32,
    last: AtomicU32,
}

impl Doubt {
    fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// It was not tried once more.
    fn pass(&self) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
    }

    fn learn(&self, was_worth_it: bool) {
        let last = self.last.load(Ordering::Relaxed);
        let count = if was_worth_it { 0 } else { (2 * last + 1).min(MOST_PASSED_OVER) };
        self.last.store(count, Ordering::Relaxed);
        self.left.store(count, Ordering::Relaxed);
    }
}

/// How long a statement takes that stands in line.
#[derive(Debug, Default)]
struct InLine {
    doubt: Doubt,
    count: AtomicU32,
    total_micros: AtomicU32,
}

impl InLine {
    /// Answers that come in together count as the first one's time: whose turn that was is chance, and
    /// evens out.
    fn learn(&self, took: Option<Duration>) {
        if !self.doubt.is_over() {
            self.doubt.pass();
            return;
        }
        let Some(took) = took else { return };
        let micros = u32::try_from(took.min(LONG).as_micros()).unwrap_or(u32::MAX);
        let total = self.total_micros.fetch_add(micros, Ordering::Relaxed) + micros;
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == ANSWERS || took >= LONG {
            self.doubt.learn(u128::from(total) <= (LIGHT * ANSWERS).as_micros());
            self.total_micros.store(0, Ordering::Relaxed);
            self.count.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests are passed over before the next one that is waited for awake.
    fn passed_over(pace: &Pace) -> u32 {
        std::iter::repeat_with(|| pace.is_quick()).take_while(|quick| !quick).map(|_| 1).sum()
    }

    #[test]
    fn test_waits_in_vain_double_what_is_passed_over() {
        let pace = Pace::default();
        let mut counts = Vec::new();
        for _ in 0..12 {
            counts.push(passed_over(&pace));
            pace.learn_of_wait(false);
        }
        assert_eq!(counts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1023]);
    }

    #[test]
    fn test_reply_in_time_makes_the_pace_quick_again() {
        let pace = Pace::default();
        for _ in 0..5 {
            pace.learn_of_wait(false);
        }
        pace.learn_of_wait(true);
        assert_eq!(passed_over(&pace), 0);
        pace.learn_of_wait(false);
        assert_eq!(passed_over(&pace), 1);
    }

    /// How many requests pass until others may wait behind the statement again.
    fn until_light(pace: &Pace) -> usize {
        let learn = std::iter::repeat_with(|| pace.learn_of_answer(LIGHT, Some(LIGHT)));
        learn.take_while(|()| !pace.is_light()).take(5000).count()
    }

    #[test]
    fn test_plain_read_is_light_until_it_takes_long() {
        let pace = Pace::of("SELECT 1");
        for took in [LIGHT / 2, LIGHT * 2].repeat(3 * ANSWERS as usize / 2) {
            assert!(pace.is_light());
            pace.learn_of_answer(LIGHT, Some(LIGHT));
            pace.learn_of_answer(took / 2, None);
        }
        for _ in 0..ANSWERS {
            assert!(pace.is_light());
            pace.learn_of_answer(LIGHT * 2, None);
        }
        assert!(!pace.is_light());
    }

    #[test]
    fn test_one_long_answer_is_enough() {
        let pace = Pace::of("SELECT 1");
        pace.learn_of_answer(LONG, None);
        assert!(!pace.is_light());
    }

    #[test]
    fn test_delay_is_enough() {
        let pace = Pace::of("SELECT 1");
        pace.learn_of_delay();
        assert!(!pace.is_light());
    }

    #[test]
    fn test_long_answer_is_known_without_one_before_it() {
        let pace = Pace::of("SELECT 1");
        pace.learn_of_answer(LONG * 2, Some(LONG * 3 / 2));
        assert!(pace.is_light());
        pace.learn_of_answer(LONG * 2, Some(LIGHT));
        assert!(!pace.is_light());
    }

    #[test]
    fn test_heavy_statement_is_tried_ever_more_seldom() {
        let pace = Pace::of("SELECT 1");
        let mut counts = Vec::new();
        for _ in 0..12 {
            counts.push(until_light(&pace));
            pace.learn_of_answer(LONG, None);
        }
        assert_eq!(counts, [0, 0, 2, 6, 14, 30, 62, 126, 254, 510, 1022, 1022]);
    }

    #[test]
    fn test_other_statement_is_never_light() {
        let pace = Pace::of("UPDATE t SET n = 1");
        pace.learn_of_answer(Duration::ZERO, None);
        assert!(!pace.is_light());
    }
}
