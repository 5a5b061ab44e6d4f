//! The names that a body or a query can have, noted as they are read, so that the error of an unknown one lists them.

/// The most names of any body or query; of more only the first would be listed.
const MOST: usize = 16;

/// The names of the fields or parameters that a body or a query can have, noted as they are taken, so that the error of
/// an unknown one lists them; of more than 16 the first.
#[derive(Default)]
pub struct Names {
    names: [&'static str; MOST],
    count: usize,
}

impl Names {
    /// Notes that a field or parameter of this name can be there.
    pub fn note(&mut self, name: &'static str) {
        if let Some(free) = self.names.get_mut(self.count) {
            *free = name;
            self.count += 1;
        }
    }

    /// The names as a sentence for people, such as `There are name and owner_id.`
    #[must_use]
    pub fn told(&self) -> String {
        match self.names.get(..self.count) {
            None | Some([]) => "There are none.".to_owned(),
            Some([only]) => format!("There is {only}."),
            Some([names @ .., last]) => format!("There are {} and {last}.", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Names};

    #[test]
    fn names_are_told_in_the_order_in_which_they_are_asked_for_and_have_an_end() {
        let mut names = Names::default();
        assert_eq!(names.told(), "There are none.");
        names.note("name");
        assert_eq!(names.told(), "There is name.");
        names.note("owner_id");
        names.note("born_on");
        assert_eq!(names.told(), "There are name, owner_id and born_on.");
        for _ in 0..2 * MOST {
            names.note("x");
        }
        assert_eq!(names.told().matches('x').count(), MOST - 3);
    }
}
