//! Things that are found by a small number until they are taken out: the number of one that is gone is used again. Nothing is allocated
//! once there are as many places as are ever in use.

/// The things of one kind. Whoever was given a number takes the thing out once.
pub(crate) struct Slots<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Puts a thing in and says where it is.
    pub(crate) fn put(&mut self, thing: T) -> u32 {
        if let Some(place) = self.free.pop() {
            self.places[place as usize] = Some(thing);
            return place;
        }
        self.places.push(Some(thing));
        u32::try_from(self.places.len() - 1).expect("fewer than 4 billion")
    }

    /// The thing of a number that was given out.
    pub(crate) fn get_mut(&mut self, place: u32) -> &mut T {
        self.places[place as usize].as_mut().expect("it was not taken out")
    }

    /// Takes it out.
    pub(crate) fn take(&mut self, place: u32) -> T {
        let thing = self.places[place as usize].take().expect("it was not taken out");
        self.free.push(place);
        thing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_things_stay_where_they_are() {
        let mut slots = Slots::new();
        let numbers = [slots.put("a"), slots.put("b"), slots.put("c")];
        assert_eq!((slots.take(numbers[1]), slots.len()), ("b", 2));
        assert_eq!(slots.put("d"), numbers[1]);
        *slots.get_mut(numbers[2]) = "e";
        assert_eq!(numbers.map(|number| slots.take(number)), ["a", "d", "e"]);
        assert_eq!(slots.len(), 0);
    }
}
