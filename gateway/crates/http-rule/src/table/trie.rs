//! The tries that paths are matched in.
//!
//! A trie of prefixes holds what comes before `**`: literals and single wildcards, one level for each segment. A node
//! whose templates go on with `**` points into a second kind of trie, of the literals that come after it, read
//! from the path's last segment backwards. Only literals follow a `**`, and they must reach the path's end, so
//! that each template with `**` lines up with a path in one way only: nothing has to be tried in several places, and a
//! search visits each prefix node at most once and follows at most one chain of tail nodes from it.

use std::ops::ControlFlow;

use super::MethodPattern;
use super::children::Children;
use crate::inline::Inline;
use crate::path::Segments;
use crate::template::{Segment, Template};

/// The routes of one verb, or those without.
#[derive(Debug, Default)]
pub(super) struct Trie {
    prefixes: Vec<Prefix>,
    tails: Vec<Tail>,
    leaves: Vec<Leaf>,
}

/// Templates that begin alike. Numbers are indices into the trie's lists; the root is 0.
#[derive(Debug, Default)]
struct Prefix {
    literals: Children,
    single: Option<u32>,
    /// The template that ends here.
    leaf: Option<u32>,
    /// The tails of the templates that go on with `**`.
    tails: Option<u32>,
}

/// Templates that are alike up to `**` and end alike.
#[derive(Debug, Default)]
struct Tail {
    /// By the segment before those that led here.
    before: Children,
    /// The tail with one literal less.
    parent: Option<u32>,
    leaf: Option<u32>,
}

/// The routes of one template, as matching sees it: no two have the same method.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    pub(super) routes: Vec<(MethodPattern, usize)>,
}

impl Leaf {
    /// The route for a method: its own, or GET for HEAD, or the one for any.
    #[inline]
    pub(super) fn route(&self, method: &str) -> Option<usize> {
        let named =
            |name: &str| self.find(|pattern| matches!(pattern, MethodPattern::Named(own) if own == name));
        named(method).or_else(|| if method == "HEAD" { named("GET") } else { None }).or_else(|| self.any())
    }

    /// The route for any method.
    pub(super) fn any(&self) -> Option<usize> {
        self.find(|pattern| *pattern == MethodPattern::Any)
    }

    fn find(&self, wanted: impl Fn(&MethodPattern) -> bool) -> Option<usize> {
        self.routes.iter().find(|(pattern, _)| wanted(pattern)).map(|(_, route)| *route)
    }
}

/// More than the operator's routes can fill an index with: each entry stands for a segment that was written down.
#[derive(Debug)]
pub(super) struct Full;

impl Trie {
    /// The leaf of a template, made if it is not there.
    pub(super) fn leaf_mut(&mut self, template: &Template) -> Result<&mut Leaf, Full> {
        let (before, after) = template.around_multi();
        if self.prefixes.is_empty() {
            self.prefixes.push(Prefix::default());
        }
        let mut node = 0;
        for segment in before {
            node = self.child(node, segment)?;
        }
        let Self { prefixes, tails, leaves } = self;
        let prefix = prefixes.get_mut(node as usize).ok_or(Full)?;
        let Some(after) = after else {
            return enter(&mut prefix.leaf, leaves, Leaf::default());
        };
        let mut tail = index_of(&mut prefix.tails, tails, Tail::default())?;
        for segment in after.iter().rev() {
            let Segment::Literal(text) = segment else { return Err(Full) };
            let known = tails.get(tail as usize).and_then(|tail| tail.before.get(text));
            tail = match known {
                Some(known) => known,
                None => {
                    let new = push(tails, Tail { parent: Some(tail), ..Tail::default() })?;
                    tails.get_mut(tail as usize).ok_or(Full)?.before.insert(text, new);
                    new
                }
            };
        }
        enter(&mut tails.get_mut(tail as usize).ok_or(Full)?.leaf, leaves, Leaf::default())
    }

    fn child(&mut self, node: u32, segment: &Segment) -> Result<u32, Full> {
        let prefix = self.prefixes.get(node as usize).ok_or(Full)?;
        let known = match segment {
            Segment::Literal(text) => prefix.literals.get(text),
            Segment::Single => prefix.single,
            Segment::Multi => return Err(Full),
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let new = push(&mut self.prefixes, Prefix::default())?;
        let prefix = self.prefixes.get_mut(node as usize).ok_or(Full)?;
        match segment {
            Segment::Literal(text) => {
                prefix.literals.insert(text, new);
            }
            _ => prefix.single = Some(new),
        }
        Ok(new)
    }

    /// Offers the leaves that match a path, the most specific first, until one is taken.
    ///
    /// `steps` counts the nodes that were looked at.
    #[inline]
    pub(super) fn search<'t>(
        &'t self,
        segments: &Segments<'_>,
        steps: &mut usize,
        mut offer: impl FnMut(&'t Leaf) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut pending = Inline::<Visit, 16>::new();
        pending.push(Visit::default());
        while let Some(Visit { node, depth, tails }) = pending.pop() {
            *steps += 1;
            if tails {
                self.search_tails(node, depth as usize, segments, steps, &mut offer)?;
                continue;
            }
            let Some(prefix) = self.prefixes.get(node as usize) else { continue };
            // What is pushed last is tried first.
            if let Some(node) = prefix.tails {
                pending.push(Visit { node, depth, tails: true });
            }
            if depth as usize == segments.len() {
                if let Some(leaf) = self.leaf(prefix.leaf) {
                    offer(leaf)?;
                }
                continue;
            }
            let text = segments.text(depth as usize);
            if let Some(node) = prefix.single
                && !text.is_empty()
            {
                pending.push(Visit { node, depth: depth + 1, tails: false });
            }
            if let Some(node) = prefix.literals.get(text) {
                pending.push(Visit { node, depth: depth + 1, tails: false });
            }
        }
        ControlFlow::Continue(())
    }

    /// As [`Self::search`], for what follows a `**` that begins at segment `from`: the longest tail first.
    fn search_tails<'t>(
        &'t self,
        root: u32,
        from: usize,
        segments: &Segments<'_>,
        steps: &mut usize,
        offer: &mut impl FnMut(&'t Leaf) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(mut tail) = self.tails.get(root as usize) else { return ControlFlow::Continue(()) };
        let mut rest = from..segments.len();
        while let Some(last) = rest.next_back() {
            *steps += 1;
            let before = tail.before.get(segments.text(last));
            let Some(longer) = before.and_then(|longer| self.tails.get(longer as usize)) else { break };
            tail = longer;
        }
        loop {
            if let Some(leaf) = self.leaf(tail.leaf) {
                offer(leaf)?;
            }
            match tail.parent.and_then(|parent| self.tails.get(parent as usize)) {
                Some(shorter) => tail = shorter,
                None => return ControlFlow::Continue(()),
            }
        }
    }

    /// The leaves of the templates that take all that a template with `**` takes and are tried before it: its own
    /// prefix, at least one `*`, `**`, and an end of its own tail such that there is room for the `*`s. The one that is tried
    /// first comes first.
    ///
    /// No other template can do both. What is more specific asks for more somewhere, and leaves over what does not have
    /// it; only a `*` before a `**` asks for nothing that the literals of a tail would not bring along.
    pub(super) fn covering<'t>(&'t self, template: &Template) -> Vec<&'t Leaf> {
        let (before, Some(after)) = template.around_multi() else { return Vec::new() };
        let mut found = Vec::new();
        let Some(mut node) = self.node(before) else { return found };
        for room in (0..after.len()).rev() {
            let Some(single) = self.prefixes.get(node as usize).and_then(|prefix| prefix.single) else {
                break;
            };
            node = single;
            let mut tail = self.prefixes.get(node as usize).and_then(|prefix| prefix.tails);
            let mut rest = after.iter().rev().take(room);
            while let Some(here) = tail.and_then(|tail| self.tails.get(tail as usize)) {
                found.extend(self.leaf(here.leaf));
                tail = match rest.next() {
                    Some(Segment::Literal(text)) => here.before.get(text),
                    _ => None,
                };
            }
        }
        // More `*` are tried before fewer, longer tails before shorter.
        found.reverse();
        found
    }

    /// The leaf of a template.
    pub(super) fn leaf_of(&self, template: &Template) -> Option<&Leaf> {
        let (before, after) = template.around_multi();
        let prefix = self.prefixes.get(self.node(before)? as usize)?;
        let Some(after) = after else { return self.leaf(prefix.leaf) };
        let tail = after.iter().rev().try_fold(prefix.tails?, |tail, segment| match segment {
            Segment::Literal(text) => self.tails.get(tail as usize)?.before.get(text),
            _ => None,
        })?;
        self.leaf(self.tails.get(tail as usize)?.leaf)
    }

    fn node(&self, segments: &[Segment]) -> Option<u32> {
        segments.iter().try_fold(0_u32, |node, segment| {
            let prefix = self.prefixes.get(node as usize)?;
            match segment {
                Segment::Literal(text) => prefix.literals.get(text),
                Segment::Single => prefix.single,
                Segment::Multi => None,
            }
        })
    }

    #[inline]
    fn leaf(&self, leaf: Option<u32>) -> Option<&Leaf> {
        self.leaves.get(leaf? as usize)
    }

    /// How many nodes there are, which bounds the steps of a search together with the longest tail.
    #[cfg(test)]
    pub(super) fn n_nodes(&self) -> usize {
        self.prefixes.len() + self.tails.len()
    }
}

/// A prefix node, or the root of its tails, that a search has yet to look at.
#[derive(Clone, Copy, Default)]
struct Visit {
    node: u32,
    depth: u32,
    tails: bool,
}

fn push<T>(list: &mut Vec<T>, value: T) -> Result<u32, Full> {
    let index = u32::try_from(list.len()).map_err(|_| Full)?;
    list.push(value);
    Ok(index)
}

fn index_of<T>(slot: &mut Option<u32>, list: &mut Vec<T>, new: T) -> Result<u32, Full> {
    if let Some(index) = *slot {
        return Ok(index);
    }
    let index = push(list, new)?;
    *slot = Some(index);
    Ok(index)
}

fn enter<'l, T>(slot: &mut Option<u32>, list: &'l mut Vec<T>, new: T) -> Result<&'l mut T, Full> {
    let index = index_of(slot, list, new)?;
    list.get_mut(index as usize).ok_or(Full)
}
