//! Compiles a tree to instructions of the backtracking machine.
//!
//! An instruction whose target is not known yet is first pushed as `Op::Match` and replaced once the part after it is
//! compiled.

use super::parse::Bad;
use super::syntax::{Fold, Greed, Node, Place, Set};

/// The bound on a pattern's instructions: counted repetitions are unrolled, so `(a{1000}){1000}` would need millions.
const SIZE_MAX: usize = 100_000;

/// One instruction. Targets are indexes into the program.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Set(Set),
    /// Matches a set between `least` and `most` times. One instruction, because a repeated set is by far the most
    /// frequent loop and needs one choice instead of one for each character.
    Run {
        set: Set,
        least: usize,
        most: usize,
        greed: Greed,
    },
    Jump(usize),
    /// Continues at the first target, and at the second one if that fails.
    Split(usize, usize),
    Save(usize),
    At(Place),
    Back(usize, Fold),
    /// Look-ahead: continues at `next`, at the same place of the text, if the part after this instruction matches (or
    /// does not, if negated).
    Ahead {
        negated: bool,
        next: usize,
    },
    /// Look-behind: the same for a part that ends at this place and has a length within the bounds, in characters.
    Behind {
        negated: bool,
        least: usize,
        most: usize,
        next: usize,
    },
    /// Continues at `next` after the first match of the part; its other ways to match are never tried.
    Atomic {
        next: usize,
    },
    /// Jumps to `to` if the place in the text is still the one saved in the slot: the round matched the empty text.
    Unmoved {
        slot: usize,
        to: usize,
    },
    Match,
}

/// The instructions of a pattern.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub ops: Vec<Op>,
    /// The number of places that are saved: two for each group, then one for each loop.
    pub slots: usize,
    groups: usize,
}

/// Compiles a tree with `groups` groups.
pub(super) fn compile(node: &Node, groups: usize) -> Result<Program, Bad> {
    let mut program = Program { ops: vec![], slots: (groups + 1) * 2, groups };
    program.push(Op::Save(0))?;
    program.node(node)?;
    program.push(Op::Save(1))?;
    program.push(Op::Match)?;
    Ok(program)
}

impl Program {
    /// Appends an instruction and returns its index.
    fn push(&mut self, op: Op) -> Result<usize, Bad> {
        if self.ops.len() >= SIZE_MAX {
            return Err(Bad::Unsupported("repetitions this large"));
        }
        self.ops.push(op);
        Ok(self.ops.len() - 1)
    }

    /// Replaces the instruction at an index.
    fn put(&mut self, place: usize, op: Op) {
        if let Some(here) = self.ops.get_mut(place) {
            *here = op;
        }
    }

    /// Compiles a node.
    fn node(&mut self, node: &Node) -> Result<(), Bad> {
        match node {
            Node::Empty => {}
            Node::Set(set) => {
                self.push(Op::Set(set.clone()))?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|n| self.node(n))?,
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Group(number, node) => {
                self.push(Op::Save(number * 2))?;
                self.node(node)?;
                self.push(Op::Save(number * 2 + 1))?;
            }
            Node::Repeat { node, least, most, greed } => self.repeat(node, *least, *most, *greed)?,
            Node::At(place) => {
                self.push(Op::At(*place))?;
            }
            Node::Look { ahead: true, negated, node } => {
                let start = self.part(node)?;
                self.put(start, Op::Ahead { negated: *negated, next: self.ops.len() });
            }
            Node::Look { ahead: false, negated, node } => {
                let (least, most) = node.widths();
                // The parser has refused a look-behind without a bound.
                let most = most.ok_or(Bad::Invalid)?;
                let start = self.part(node)?;
                self.put(start, Op::Behind { negated: *negated, least, most, next: self.ops.len() });
            }
            Node::Atomic(node) => self.atomic(node)?,
            // A group that the pattern does not have matches nothing, so a reference to it never matches; the slots
            // after those of the groups belong to loops.
            Node::Back(group, _) if *group > self.groups => {
                self.push(Op::Set(Set::empty()))?;
            }
            Node::Back(group, fold) => {
                self.push(Op::Back(*group, *fold))?;
            }
        }
        Ok(())
    }

    /// Compiles a part that runs on its own, and returns the index that is reserved before it for the instruction
    /// that runs it.
    fn part(&mut self, node: &Node) -> Result<usize, Bad> {
        let start = self.push(Op::Match)?;
        self.node(node)?;
        self.push(Op::Match)?;
        Ok(start)
    }

    fn atomic(&mut self, node: &Node) -> Result<(), Bad> {
        let start = self.part(node)?;
        self.put(start, Op::Atomic { next: self.ops.len() });
        Ok(())
    }

    /// Compiles alternatives: each but the last one is a choice with the next one.
    fn alternate(&mut self, nodes: &[Node]) -> Result<(), Bad> {
        let mut ends = vec![];
        for (i, node) in nodes.iter().enumerate() {
            if i + 1 == nodes.len() {
                self.node(node)?;
                break;
            }
            let split = self.push(Op::Match)?;
            self.node(node)?;
            ends.push(self.push(Op::Match)?);
            self.put(split, Op::Split(split + 1, self.ops.len()));
        }
        for end in ends {
            self.put(end, Op::Jump(self.ops.len()));
        }
        Ok(())
    }

    /// Compiles a repetition. `least` copies of the node are followed by optional copies or by a loop.
    fn repeat(&mut self, node: &Node, least: u32, most: Option<u32>, greed: Greed) -> Result<(), Bad> {
        // Possessive included: a run that leaves no choice is possessive.
        if let Node::Set(set) = node {
            let most = most.map_or(usize::MAX, |n| n as usize);
            self.push(Op::Run { set: set.clone(), least: least as usize, most, greed })?;
            return Ok(());
        }
        // `x*+` is `(?>x*)` by definition.
        if greed == Greed::Possessive {
            let (node, greed) = (Box::new(node.clone()), Greed::Greedy);
            return self.atomic(&Node::Repeat { node, least, most, greed });
        }
        for _ in 0..least {
            self.node(node)?;
        }
        let split = |program: &mut Self, at: usize, end: usize| {
            let (into, out) = (at + 1, end);
            program.put(at, if greed == Greed::Lazy { Op::Split(out, into) } else { Op::Split(into, out) });
        };
        if let Some(most) = most {
            let mut splits = vec![];
            for _ in least..most {
                splits.push(self.push(Op::Match)?);
                self.node(node)?;
            }
            let end = self.ops.len();
            splits.into_iter().for_each(|at| split(self, at, end));
            return Ok(());
        }
        let start = self.push(Op::Match)?;
        let slot = self.slots;
        // A loop without an upper bound must not repeat a round that matched nothing. Java leaves the loop
        // after such a round, with what the round captured.
        let empty = node.widths().0 == 0;
        if empty {
            self.slots += 1;
            self.push(Op::Save(slot))?;
        }
        self.node(node)?;
        if empty {
            // The instruction after the `Jump` that follows: the end of the loop.
            let to = self.ops.len() + 2;
            self.push(Op::Unmoved { slot, to })?;
        }
        self.push(Op::Jump(start))?;
        let end = self.ops.len();
        split(self, start, end);
        Ok(())
    }
}
