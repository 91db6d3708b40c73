//! Which of two ways of asking is quicker, found out by going both.
//!
//! That depends on the server's cores, on the network and on the statements, of which none is known
//! here; what is known is how long the callers wait. So once in a while some of them go the other
//! way, and where they waited clearly less, all go it from then on.

use std::time::Duration;

/// How reads go that are asked for at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each on a connection of its own, for as long as there is one.
    Apart,
    /// One behind the other on one connection.
    Together,
}

impl Way {
    fn other(self) -> Self {
        match self {
            Self::Apart => Self::Together,
            Self::Together => Self::Apart,
        }
    }
}

/// After a change of the way, the first that ask still stand behind those who asked before it.
const UNSETTLED: u32 = 16;
/// So many answers are enough to tell by.
const ANSWERS: u32 = 64;
/// Longer waits count as this: how long one statement takes tells nothing of the ways.
const LONGEST: Duration = Duration::from_millis(10);
/// The other way is tried again after so many turns at the most.
const MOST_PATIENT: u32 = 512;

/// What was found out so far.
#[derive(Debug)]
pub struct Trial {
    way: Way,
    /// How often that has changed.
    changes: u32,
    better: Way,
    /// The mean wait in the last turn on the better way.
    mean: Duration,
    answers: u32,
    waited: Duration,
    /// So many turns on the better way are left, before the other one is tried.
    left: u32,
    patience: u32,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            way: Way::Apart,
            changes: 0,
            better: Way::Apart,
            mean: Duration::ZERO,
            answers: 0,
            waited: Duration::ZERO,
            left: 1,
            patience: 1,
        }
    }
}

impl Trial {
    /// The way to go now.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// How often the way has changed by now.
    #[must_use]
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// A caller who was not alone has waited so long, and had asked after so many changes. Who waited
    /// through one tells nothing of either way.
    pub fn learn(&mut self, changes: u32, waited: Duration) {
        if changes != self.changes {
            return;
        }
        self.answers += 1;
        if self.answers > UNSETTLED {
            self.waited += waited.min(LONGEST);
        }
        if self.answers == UNSETTLED + ANSWERS {
            let mean = self.waited / ANSWERS;
            (self.answers, self.waited) = (0, Duration::ZERO);
            self.turn(mean);
        }
    }

    fn turn(&mut self, mean: Duration) {
        if self.way == self.better {
            self.mean = mean;
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.go(self.way.other());
            }
            return;
        }
        // Chance alone is not enough for a change.
        if mean < self.mean * 9 / 10 {
            (self.better, self.mean, self.patience) = (self.way, mean, 1);
        } else {
            self.go(self.better);
            self.patience = (2 * self.patience).min(MOST_PATIENT);
        }
        self.left = self.patience;
    }

    fn go(&mut self, way: Way) {
        self.way = way;
        self.changes = self.changes.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets callers go for so many answers; gives back how many went together.
    fn go(trial: &mut Trial, answers: u32, apart: Duration, together: Duration) -> u32 {
        let mut count = 0;
        for _ in 0..answers {
            let changes = trial.changes();
            match trial.way() {
                Way::Apart => trial.learn(changes, apart),
                Way::Together => {
                    count += 1;
                    trial.learn(changes, together);
                }
            }
        }
        count
    }

    const SHORT: Duration = Duration::from_micros(80);
    const LONG: Duration = Duration::from_micros(160);

    #[test]
    fn test_better_way_is_found_and_kept() {
        let mut trial = Trial::default();
        assert!(go(&mut trial, 10_000, LONG, SHORT) > 8_500);
        assert!(go(&mut trial, 10_000, LONG, SHORT) > 9_700);
    }

    #[test]
    fn test_worse_way_is_tried_seldom() {
        let mut trial = Trial::default();
        assert!(go(&mut trial, 10_000, SHORT, LONG) < 800);
        assert!(go(&mut trial, 100_000, SHORT, LONG) < 2_500);
    }

    #[test]
    fn test_change_is_noticed() {
        let mut trial = Trial::default();
        go(&mut trial, 100_000, SHORT, LONG);
        go(&mut trial, MOST_PATIENT * (UNSETTLED + ANSWERS), LONG, SHORT);
        assert!(go(&mut trial, 10_000, LONG, SHORT) > 9_000);
    }

    #[test]
    fn test_ways_that_are_alike_are_not_changed() {
        let mut trial = Trial::default();
        assert!(go(&mut trial, 100_000, SHORT, SHORT * 19 / 20) < 2_500);
    }

    #[test]
    fn test_long_statements_tell_nothing() {
        let mut trial = Trial::default();
        assert!(go(&mut trial, 100_000, LONGEST * 9, LONGEST * 3) < 2_500);
    }

    #[test]
    fn test_waits_through_a_change_are_not_counted() {
        let mut trial = Trial::default();
        let before = trial.changes();
        go(&mut trial, UNSETTLED + ANSWERS, LONG, LONG);
        assert_eq!(trial.way(), Way::Together);
        for _ in 0..1000 {
            trial.learn(before, LONG);
        }
        assert_eq!(trial.way(), Way::Together);
    }

    #[test]
    fn test_better_way_is_found_by_many_at_a_time() {
        const CALLERS: usize = 100;
        let mut trial = Trial::default();
        // Each asks again when it is answered; who asked before a change waited as one did before it.
        let mut asked = std::collections::VecDeque::from([(0, LONG); CALLERS]);
        let mut together = 0;
        for _ in 0..10_000 {
            let (changes, waited) = asked.pop_front().unwrap();
            trial.learn(changes, waited);
            together += u32::from(trial.way() == Way::Together);
            let next = if trial.way() == Way::Together { SHORT } else { LONG };
            asked.push_back((trial.changes(), next));
        }
        assert!(together > 8_500, "{together}");
    }
}
