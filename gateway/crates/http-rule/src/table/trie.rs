//! The tries that paths are matched in.
//!
//! A node stands for templates that begin alike: literals and single wildcards, one level for each segment. A node
//! whose templates continue with `**` points to the tails of these templates, one trie of the same nodes for each
//! length of a tail. A tail must reach the end of the path, so its length and the path's say where it begins: each
//! template with `**` lines up with a path in one way only, no segment is tried in several places, and a search
//! visits each node at most once.

use std::ops::ControlFlow;

use super::MethodPattern;
use super::children::Children;
use crate::inline::Inline;
use crate::path::Segments;
use crate::template::{Segment, Template};

/// The routes of one verb, or those without.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
}

/// Templates that begin alike, or tails of one length that do. Numbers are indices into the trie's lists; the root
/// is 0.
#[derive(Debug, Default)]
struct Node {
    literals: Children,
    single: Option<u32>,
    /// The template, or tail, that ends here.
    leaf: Option<u32>,
    /// The tails of the templates that continue with `**`, the shortest first.
    tails: Vec<Tails>,
}

/// The tails of one length.
#[derive(Debug, Clone, Copy)]
struct Tails {
    length: usize,
    /// The node that they begin at.
    root: u32,
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
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut node = 0;
        for segment in before {
            node = self.child(node, segment)?;
        }
        if let Some(after) = after {
            node = self.tails(node, after.len())?;
            for segment in after {
                node = self.child(node, segment)?;
            }
        }
        let slot = &mut self.nodes.get_mut(node as usize).ok_or(Full)?.leaf;
        let index = match *slot {
            Some(index) => index,
            None => *slot.insert(push(&mut self.leaves, Leaf::default())?),
        };
        self.leaves.get_mut(index as usize).ok_or(Full)
    }

    /// The root of a node's tails of one length, made if it is not there.
    fn tails(&mut self, node: u32, length: usize) -> Result<u32, Full> {
        let place = self.node(node).ok_or(Full)?.tails.binary_search_by_key(&length, |tails| tails.length);
        match place {
            Ok(known) => self.node(node).and_then(|node| node.tails.get(known)).map(|t| t.root).ok_or(Full),
            Err(place) => {
                let root = push(&mut self.nodes, Node::default())?;
                let node = self.nodes.get_mut(node as usize).ok_or(Full)?;
                node.tails.insert(place, Tails { length, root });
                Ok(root)
            }
        }
    }

    fn child(&mut self, node: u32, segment: &Segment) -> Result<u32, Full> {
        if let Some(known) = self.node(node).ok_or(Full)?.child(segment) {
            return Ok(known);
        }
        let new = push(&mut self.nodes, Node::default())?;
        let node = self.nodes.get_mut(node as usize).ok_or(Full)?;
        match segment {
            Segment::Literal(text) => node.literals.insert(text, new),
            Segment::Single => node.single = Some(new),
            Segment::Multi => return Err(Full),
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
        while let Some(Visit { node, depth }) = pending.pop() {
            *steps += 1;
            let Some(node) = self.node(node) else { continue };
            let left = segments.len().saturating_sub(depth as usize);
            // What is pushed last is tried first.
            for tails in node.tails.iter().take_while(|tails| tails.length <= left) {
                // A path has fewer segments than an index can hold.
                let skipped = u32::try_from(left - tails.length).unwrap_or(u32::MAX);
                pending.push(Visit { node: tails.root, depth: depth + skipped });
            }
            if left == 0 {
                if let Some(leaf) = self.leaf(node.leaf) {
                    offer(leaf)?;
                }
                continue;
            }
            let text = segments.text(depth as usize);
            if let Some(node) = node.single
                && !text.is_empty()
            {
                pending.push(Visit { node, depth: depth + 1 });
            }
            if let Some(node) = node.literals.get(text) {
                pending.push(Visit { node, depth: depth + 1 });
            }
        }
        ControlFlow::Continue(())
    }

    /// The leaves of the templates that take all that a template with `**` takes and are tried before it: its own
    /// prefix, at least one `*`, `**`, and a tail that takes the end of its own tail and is short enough to leave room
    /// for the `*`s. The one that is tried first comes first.
    ///
    /// No other template can do both. What is more specific asks for more somewhere, and leaves over what does not have
    /// it; only a `*` before a `**` asks for nothing that the segments of a tail would not bring along.
    pub(super) fn covering<'t>(&'t self, template: &Template) -> Vec<&'t Leaf> {
        let (before, Some(after)) = template.around_multi() else { return Vec::new() };
        // More `*` are tried before fewer.
        let mut prefixes = Vec::new();
        let mut prefix = self.walk(0, before);
        for room in (0..after.len()).rev() {
            prefix = prefix.and_then(|node| self.node(node)?.single);
            prefixes.extend(prefix.and_then(|node| self.node(node)).map(|node| (node, room)));
        }
        let mut found = Vec::new();
        for (prefix, room) in prefixes.into_iter().rev() {
            for tails in prefix.tails.iter().rev().filter(|tails| tails.length <= room) {
                let end = after.get(after.len() - tails.length..).unwrap_or_default();
                self.covering_tails(tails.root, end, &mut found);
            }
        }
        found
    }

    /// Adds the leaves of the tails of one length that take all that `end` takes.
    fn covering_tails<'t>(&'t self, root: u32, end: &[Segment], found: &mut Vec<&'t Leaf>) {
        let mut pending = vec![(root, end)];
        while let Some((node, end)) = pending.pop() {
            let Some(node) = self.node(node) else { continue };
            match end.split_first() {
                None => found.extend(self.leaf(node.leaf)),
                Some((segment, rest)) => {
                    pending.extend(node.single.map(|node| (node, rest)));
                    if let Segment::Literal(text) = segment {
                        pending.extend(node.literals.get(text).map(|node| (node, rest)));
                    }
                }
            }
        }
    }

    /// The leaf of a template.
    pub(super) fn leaf_of(&self, template: &Template) -> Option<&Leaf> {
        let (before, after) = template.around_multi();
        let mut node = self.walk(0, before)?;
        if let Some(after) = after {
            let tails = self.node(node)?.tails.iter().find(|tails| tails.length == after.len())?;
            node = self.walk(tails.root, after)?;
        }
        self.leaf(self.node(node)?.leaf)
    }

    fn walk(&self, from: u32, segments: &[Segment]) -> Option<u32> {
        segments.iter().try_fold(from, |node, segment| self.node(node)?.child(segment))
    }

    #[inline]
    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(node as usize)
    }

    #[inline]
    fn leaf(&self, leaf: Option<u32>) -> Option<&Leaf> {
        self.leaves.get(leaf? as usize)
    }

    /// The number of nodes, which bounds the steps of a search.
    #[cfg(test)]
    pub(super) fn n_nodes(&self) -> usize {
        self.nodes.len()
    }
}

impl Node {
    fn child(&self, segment: &Segment) -> Option<u32> {
        match segment {
            Segment::Literal(text) => self.literals.get(text),
            Segment::Single => self.single,
            Segment::Multi => None,
        }
    }
}

/// A node that a search has yet to look at, and the segment of the path that it is held against.
#[derive(Clone, Copy, Default)]
struct Visit {
    node: u32,
    depth: u32,
}

fn push<T>(list: &mut Vec<T>, value: T) -> Result<u32, Full> {
    let index = u32::try_from(list.len()).map_err(|_| Full)?;
    list.push(value);
    Ok(index)
}
