//! A list of problems for one error message: the first are shown, the others are counted.

use std::fmt::{self, Display, Formatter};

/// The number of problems that are shown.
const MAX_SHOWN: usize = 20;

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Problems {
    shown: Vec<String>,
    count: usize,
}

impl Problems {
    /// Adds a problem; its text is only made if it is shown.
    pub fn push(&mut self, text: impl FnOnce() -> String) {
        if self.shown.len() < MAX_SHOWN {
            self.shown.push(text());
        }
        self.count += 1;
    }

    /// Whether there are no problems.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join("; "))?;
        match self.count - self.shown.len() {
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
            problems.push(|| format!("{n}"));
        }
        assert!(problems.to_string().ends_with("; 18; 19"), "{problems}");
        for _ in 0..5 {
            problems.push(|| unreachable!());
        }
        assert!(problems.to_string().ends_with("; 19; … and 5 more"), "{problems}");
    }
}
