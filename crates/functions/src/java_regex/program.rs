//! A pattern as instructions for the machine.

use super::parse::Bad;
use super::syntax::{Fold, Greed, Node, Place, Set};

/// The most instructions of a pattern.
const SIZE_MAX: usize = 100_000;

/// One instruction; numbers are places in the program.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Set(Set),
    /// A set many times: all that it can, from `least` to `most`.
    Run {
        set: Set,
        least: usize,
        most: usize,
        greed: Greed,
    },
    Jump(usize),
    /// Goes on at the first, and at the second if that fails.
    Split(usize, usize),
    Save(usize),
    At(Place),
    Back(usize, Fold),
    /// Goes on after the part from here if it matches (or does not), having moved nowhere.
    Ahead {
        negated: bool,
        next: usize,
    },
    /// The same for a part that ends here and has a length within bounds.
    Behind {
        negated: bool,
        least: usize,
        most: usize,
        next: usize,
    },
    /// Goes on after the part with its first match only.
    Atomic {
        next: usize,
    },
    /// Goes to the place unless the text moved on since the slot was saved.
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
    pub slots: usize,
}

/// Compiles a tree with `groups` groups.
pub(super) fn compile(node: &Node, groups: usize) -> Result<Program, Bad> {
    let mut program = Program { ops: vec![], slots: (groups + 1) * 2 };
    program.push(Op::Save(0))?;
    program.node(node)?;
    program.push(Op::Save(1))?;
    program.push(Op::Match)?;
    Ok(program)
}

impl Program {
    fn push(&mut self, op: Op) -> Result<usize, Bad> {
        if self.ops.len() >= SIZE_MAX {
            return Err(Bad::Unsupported("repetitions this large"));
        }
        self.ops.push(op);
        Ok(self.ops.len() - 1)
    }

    fn put(&mut self, place: usize, op: Op) {
        if let Some(here) = self.ops.get_mut(place) {
            *here = op;
        }
    }

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
                let most = most.ok_or(Bad::Invalid)?;
                let start = self.part(node)?;
                self.put(start, Op::Behind { negated: *negated, least, most, next: self.ops.len() });
            }
            Node::Atomic(node) => self.atomic(node)?,
            Node::Back(group, fold) => {
                self.push(Op::Back(*group, *fold))?;
            }
        }
        Ok(())
    }

    /// A part that runs on its own, after a place for the instruction that runs it.
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

    fn repeat(&mut self, node: &Node, least: u32, most: Option<u32>, greed: Greed) -> Result<(), Bad> {
        if let Node::Set(set) = node {
            let most = most.map_or(usize::MAX, |n| n as usize);
            self.push(Op::Run { set: set.clone(), least: least as usize, most, greed })?;
            return Ok(());
        }
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
        let empty = node.widths().0 == 0;
        if empty {
            self.slots += 1;
            self.push(Op::Save(slot))?;
        }
        self.node(node)?;
        if empty {
            let to = self.ops.len() + 2;
            self.push(Op::Unmoved { slot, to })?;
        }
        self.push(Op::Jump(start))?;
        let end = self.ops.len();
        split(self, start, end);
        Ok(())
    }
}
