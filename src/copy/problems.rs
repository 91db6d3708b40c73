//! What does not fit, of which there may be as much as there are columns: the first is told, the rest
//! is counted.

use std::fmt::{self, Display, Formatter};

/// How many are told.
const MOST: usize = 20;

/// What does not fit.
#[derive(Debug, Default)]
pub struct Problems {
    told: Vec<String>,
    count: usize,
}

impl Problems {
    /// Notes another one; its text is made only if it is told.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        if self.told.len() < MOST {
            self.told.push(text());
        }
        self.count += 1;
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told.join("; "))?;
        match self.count - self.told.len() {
            0 => Ok(()),
            more => write!(f, "; … and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_problems_beyond_the_first_are_counted() {
        let mut problems = Problems::default();
        for n in 0..20 {
            problems.note(|| format!("{n}"));
        }
        assert!(problems.to_string().ends_with("; 18; 19"), "{problems}");
        for _ in 0..5 {
            problems.note(|| unreachable!());
        }
        assert!(problems.to_string().ends_with("; 19; … and 5 more"), "{problems}");
    }
}
