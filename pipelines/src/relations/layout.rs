//! Lays out a graph in layers, from left to right.
//!
//! `sizes, edges ─cycles broken→ layers ─barycentres→ order ─least squares→ places ─→ routes`. After Sugiyama: edges go from
//! layer to layer, long ones through places of their own, and each place is as near to its neighbours as the order allows.

use std::collections::BTreeMap;

/// A point.
pub(super) type Point = (f64, f64);

/// Where everything is.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Layout {
    /// The upper left corners, in the order of the sizes.
    pub(super) corners: Vec<Point>,
    /// The points that each edge goes through, in the order of the edges.
    pub(super) routes: Vec<Vec<Point>>,
    /// How large it is.
    pub(super) size: Point,
}

/// Between places of a layer, and between edges at one side.
const BETWEEN_PLACES: f64 = 22.0;
const BETWEEN_EDGES: f64 = 13.0;
/// Between layers at least, and beside labels that stand there.
const BETWEEN_LAYERS: f64 = 110.0;
const BESIDE_LABELS: f64 = 36.0;
/// Sweeps over the layers, for the order and for the places.
const SWEEPS: usize = 24;
/// The most edges between two layers whose crossings are counted.
const MOST_COUNTED: usize = 1_500;

/// Lays out nodes of these sizes, all of which hang together. Between layers there is room for the labels of the edges, which
/// are so wide and stand beside what their edges lead to.
pub(super) fn layout(sizes: &[Point], edges: &[(usize, usize)], labels: &[f64]) -> Layout {
    let forward = without_cycles(sizes.len(), edges);
    let ranks = ranks(sizes.len(), &forward);
    let mut layers = Layers::new(sizes, &forward, &ranks);
    layers.order();
    let ys = layers.places();
    layers.drawn(&ys, edges, labels)
}

/// The edges with those turned round that lead back.
fn without_cycles(nodes: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Met {
        Never,
        OnTheWay,
        Left,
    }
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut entered = vec![0_usize; nodes];
    for (at, (from, to)) in edges.iter().enumerate() {
        leaving[*from].push(at);
        entered[*to] += 1;
    }
    let mut forward = edges.to_vec();
    let mut met = vec![Met::Never; nodes];
    // Begin where nothing comes in, so that what leads back is what one would call so.
    let mut begin: Vec<usize> = (0..nodes).collect();
    begin.sort_by_key(|node| entered[*node]);
    for first in begin {
        if met[first] != Met::Never {
            continue;
        }
        met[first] = Met::OnTheWay;
        let mut way = vec![(first, 0_usize)];
        while let Some((node, next)) = way.last_mut() {
            let Some(edge) = leaving[*node].get(*next).copied() else {
                met[*node] = Met::Left;
                way.pop();
                continue;
            };
            *next += 1;
            let to = edges[edge].1;
            match met[to] {
                Met::OnTheWay => forward[edge] = (to, edges[edge].0),
                Met::Never => {
                    met[to] = Met::OnTheWay;
                    way.push((to, 0));
                }
                Met::Left => {}
            }
        }
    }
    forward
}

/// The layer of each node: after everything that leads to it, and no further from what it leads to than need be.
fn ranks(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut entered = vec![0_usize; nodes];
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (from, to) in edges {
        entered[*to] += 1;
        leaving[*from].push(*to);
    }
    let (mut ranks, mut order) = (vec![0_usize; nodes], Vec::with_capacity(nodes));
    let mut left = entered.clone();
    let mut ready: Vec<usize> = (0..nodes).rev().filter(|node| left[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        order.push(node);
        for to in &leaving[node] {
            ranks[*to] = ranks[*to].max(ranks[node] + 1);
            left[*to] -= 1;
            if left[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    for node in order.into_iter().rev() {
        let nearest = leaving[node].iter().map(|to| ranks[*to]).min();
        if let Some(nearest) = nearest.filter(|_| entered[node] <= leaving[node].len()) {
            ranks[node] = ranks[node].max(nearest.saturating_sub(1));
        }
    }
    let first = ranks.iter().copied().min().unwrap_or(0);
    ranks.into_iter().map(|rank| rank - first).collect()
}

/// Something in a layer: a node, or a place that an edge goes through.
#[derive(Clone, Copy, Debug)]
struct Item {
    node: Option<usize>,
    height: f64,
}

struct Layers<'a> {
    sizes: &'a [Point],
    items: Vec<Item>,
    /// Of each layer, from top to bottom.
    layers: Vec<Vec<usize>>,
    /// Of each edge the items from its first to its last.
    chains: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl<'a> Layers<'a> {
    fn new(sizes: &'a [Point], edges: &[(usize, usize)], ranks: &[usize]) -> Layers<'a> {
        let count = ranks.iter().copied().max().map_or(0, |last| last + 1);
        let mut items: Vec<Item> = sizes
            .iter()
            .enumerate()
            .map(|(node, (_, height))| Item { node: Some(node), height: *height })
            .collect();
        let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (node, rank) in ranks.iter().enumerate() {
            layers[*rank].push(node);
        }
        let mut chains = Vec::with_capacity(edges.len());
        for (from, to) in edges {
            let mut chain = vec![*from];
            for layer in &mut layers[ranks[*from] + 1..ranks[*to].max(ranks[*from] + 1)] {
                layer.push(items.len());
                chain.push(items.len());
                items.push(Item { node: None, height: 2.0 });
            }
            chain.push(*to);
            chains.push(chain);
        }
        let (mut before, mut after) = (vec![Vec::new(); items.len()], vec![Vec::new(); items.len()]);
        for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
            after[pair[0]].push(pair[1]);
            before[pair[1]].push(pair[0]);
        }
        Layers { sizes, items, layers, chains, before, after }
    }

    /// Orders each layer so that few edges cross.
    fn order(&mut self) {
        let (mut best, mut fewest) = (self.layers.clone(), self.crossings());
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let at = if down { step } else { count - 1 - step };
                let beside = if down { at - 1 } else { at + 1 };
                let places = self.places_in(beside);
                let mut wanted: Vec<(f64, usize, usize)> = Vec::with_capacity(self.layers[at].len());
                for (place, item) in self.layers[at].iter().enumerate() {
                    let near = if down { &self.before[*item] } else { &self.after[*item] };
                    let near: Vec<f64> = near.iter().filter_map(|near| places.get(near)).copied().collect();
                    wanted.push((mean(&near).unwrap_or(number(place)), place, *item));
                }
                wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                self.layers[at] = wanted.into_iter().map(|(_, _, item)| item).collect();
            }
            let crossings = self.crossings();
            if crossings < fewest {
                (best, fewest) = (self.layers.clone(), crossings);
            }
        }
        self.layers = best;
    }

    fn places_in(&self, layer: usize) -> BTreeMap<usize, f64> {
        self.layers[layer].iter().enumerate().map(|(place, item)| (*item, number(place))).collect()
    }

    /// How many pairs of edges cross.
    fn crossings(&self) -> usize {
        let mut crossings = 0;
        for at in 1..self.layers.len() {
            let left = self.places_in(at - 1);
            let mut pairs: Vec<(f64, f64)> = Vec::new();
            for (place, item) in self.layers[at].iter().enumerate() {
                pairs.extend(
                    self.before[*item].iter().filter_map(|near| Some((*left.get(near)?, number(place)))),
                );
            }
            if pairs.len() > MOST_COUNTED {
                continue;
            }
            for (place, (a, b)) in pairs.iter().enumerate() {
                crossings += pairs[..place].iter().filter(|(c, d)| (a - c) * (b - d) < 0.0).count();
            }
        }
        crossings
    }

    /// The middles of the items from the top, each as near to its neighbours as the order allows.
    fn places(&self) -> Vec<f64> {
        let mut ys = vec![0.0; self.items.len()];
        for layer in &self.layers {
            let mut y = 0.0;
            for item in layer {
                y += self.items[*item].height / 2.0;
                ys[*item] = y;
                y += self.items[*item].height / 2.0 + BETWEEN_PLACES;
            }
        }
        for sweep in 0..SWEEPS {
            let layers: Vec<usize> = match sweep % 2 {
                0 => (0..self.layers.len()).collect(),
                _ => (0..self.layers.len()).rev().collect(),
            };
            for layer in layers {
                self.settle(&self.layers[layer], &mut ys);
            }
        }
        let top =
            self.items.iter().zip(&ys).map(|(item, y)| y - item.height / 2.0).fold(f64::INFINITY, f64::min);
        ys.into_iter().map(|y| y - top).collect()
    }

    /// Moves a layer: the least squares of the distances from where each item would be, in their order and apart.
    fn settle(&self, layer: &[usize], ys: &mut [f64]) {
        let mut offset = 0.0;
        // Blocks of items that touch: sum of weight × wish, weight, items.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        let mut offsets = Vec::with_capacity(layer.len());
        for (place, item) in layer.iter().enumerate() {
            if place > 0 {
                let above = &self.items[layer[place - 1]];
                let (one, other) = (above.node.is_none(), self.items[*item].node.is_none());
                let gap = if one && other { BETWEEN_PLACES / 2.0 } else { BETWEEN_PLACES };
                offset += f64::midpoint(above.height, self.items[*item].height) + gap;
            }
            offsets.push(offset);
            let near: Vec<f64> =
                self.before[*item].iter().chain(&self.after[*item]).map(|near| ys[*near]).collect();
            let wish = mean(&near).unwrap_or(ys[*item]) - offset;
            // An edge that goes far should go straight.
            let weight = if self.items[*item].node.is_none() { 3.0 } else { 1.0 };
            blocks.push((wish * weight, weight, 1));
            while let [.., (a, a_weight, _), (b, b_weight, _)] = blocks.as_slice()
                && a / a_weight > b / b_weight
            {
                let (sum, weight, items) = blocks.pop().expect("there are two");
                let last = blocks.last_mut().expect("there is another");
                (last.0, last.1, last.2) = (last.0 + sum, last.1 + weight, last.2 + items);
            }
        }
        let settled =
            blocks.iter().flat_map(|(sum, weight, items)| std::iter::repeat_n(sum / weight, *items));
        for ((item, offset), at) in layer.iter().zip(offsets).zip(settled) {
            ys[*item] = at + offset;
        }
    }

    /// How wide the gaps behind layers are: what leads on has its label at the right of a gap, and what leads back at the left.
    fn gaps(&self, layer_of: &[usize], edges: &[(usize, usize)], labels: &[f64]) -> Vec<f64> {
        let mut widest = vec![(0.0_f64, 0.0_f64); self.layers.len()];
        for ((chain, edge), label) in self.chains.iter().zip(edges).zip(labels) {
            let (back, on) = match chain[0] == edge.0 {
                true => (None, layer_of[chain[chain.len() - 1]].checked_sub(1)),
                false => (Some(layer_of[chain[0]]), None),
            };
            if let Some(at) = back {
                widest[at].0 = widest[at].0.max(*label);
            }
            if let Some(at) = on {
                widest[at].1 = widest[at].1.max(*label);
            }
        }
        widest.into_iter().map(|(back, on)| BETWEEN_LAYERS.max(back + on + BESIDE_LABELS)).collect()
    }

    /// Corners and routes. Edges that were turned round are drawn as they are.
    fn drawn(&self, ys: &[f64], edges: &[(usize, usize)], labels: &[f64]) -> Layout {
        let mut layer_of = vec![0; self.items.len()];
        for (at, layer) in self.layers.iter().enumerate() {
            layer.iter().for_each(|item| layer_of[*item] = at);
        }
        let gaps = self.gaps(&layer_of, edges, labels);
        let mut lefts = Vec::with_capacity(self.layers.len());
        let (mut x, mut right, mut widths) = (0.0, 0.0, Vec::with_capacity(self.layers.len()));
        for (layer, gap) in self.layers.iter().zip(gaps) {
            let nodes = layer.iter().filter_map(|item| self.items[*item].node);
            let width = nodes.map(|node| self.sizes[node].0).fold(0.0, f64::max);
            lefts.push(x);
            widths.push(width);
            right = x + width;
            x = right + gap;
        }
        let corners: Vec<Point> = (self.sizes.iter().enumerate())
            .map(|(node, (_, height))| (lefts[layer_of[node]], ys[node] - height / 2.0))
            .collect();
        let ports = self.ports(ys);
        let mut routes = Vec::with_capacity(self.chains.len());
        for (at, chain) in self.chains.iter().enumerate() {
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            let mut route = vec![(corners[first].0 + self.sizes[first].0, ports[at].0)];
            // To the end of the layer, so that it passes by what is wider.
            route.push((lefts[layer_of[first]] + widths[layer_of[first]], ports[at].0));
            for item in &chain[1..chain.len() - 1] {
                let layer = layer_of[*item];
                route.push((lefts[layer], ys[*item]));
                route.push((lefts[layer] + widths[layer], ys[*item]));
            }
            route.push((corners[last].0, ports[at].1));
            // A way of no length has no direction for the tip of an arrow.
            route.dedup_by(|b, a| (a.0 - b.0).abs() < 0.05 && (a.1 - b.1).abs() < 0.05);
            if chain[0] != edges[at].0 {
                route.reverse();
            }
            routes.push(route);
        }
        let height = (self.items.iter().zip(ys)).map(|(item, y)| y + item.height / 2.0).fold(0.0, f64::max);
        Layout { corners, routes, size: (right, height) }
    }

    /// Where each edge leaves and enters: beside each other, in the order of where they come from and go to.
    fn ports(&self, ys: &[f64]) -> Vec<(f64, f64)> {
        let mut ports = vec![(0.0, 0.0); self.chains.len()];
        let (mut leaving, mut entering) = (BTreeMap::new(), BTreeMap::new());
        for (at, chain) in self.chains.iter().enumerate() {
            leaving.entry(chain[0]).or_insert_with(Vec::new).push((ys[chain[1]], at));
            let [.., before, last] = chain.as_slice() else { continue };
            entering.entry(*last).or_insert_with(Vec::new).push((ys[*before], at));
        }
        for (sides, leaves) in [(leaving, true), (entering, false)] {
            for (item, mut edges) in sides {
                edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let first = ys[item] - number(edges.len() - 1) * BETWEEN_EDGES / 2.0;
                for (place, (_, at)) in edges.into_iter().enumerate() {
                    let y = first + number(place) * BETWEEN_EDGES;
                    *(if leaves { &mut ports[at].0 } else { &mut ports[at].1 }) = y;
                }
            }
        }
        ports
    }
}

/// How high a node must be at least, so that its edges find room at its sides.
pub(super) fn least_height(edges: usize) -> f64 {
    number(edges) * BETWEEN_EDGES + 6.0
}

fn mean(of: &[f64]) -> Option<f64> {
    (!of.is_empty()).then(|| of.iter().sum::<f64>() / number(of.len()))
}

#[expect(clippy::cast_precision_loss, reason = "nobody draws as many nodes as a float cannot count")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nodes: usize, edges: &[(usize, usize)]) -> Layout {
        layout(&vec![(100.0, 40.0); nodes], edges, &vec![0.0; edges.len()])
    }

    #[test]
    fn what_leads_to_something_stands_left_of_it() {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 2), (2, 4)];
        let drawn = of(5, &edges);
        for (from, to) in edges {
            assert!(drawn.corners[from].0 + 100.0 < drawn.corners[to].0, "{from} {to} {drawn:?}");
        }
        // It stands beside what it leads to.
        assert_eq!(drawn.corners[3].0, drawn.corners[1].0);
    }

    #[test]
    fn nothing_overlaps_and_edges_end_where_they_should() {
        let edges: Vec<(usize, usize)> = (0..40).map(|n| (n % 7, 7 + (n * 5) % 13)).collect();
        let drawn = of(20, &edges);
        for (a, one) in drawn.corners.iter().enumerate() {
            for other in &drawn.corners[..a] {
                let apart = (one.0 - other.0).abs() >= 100.0 || (one.1 - other.1).abs() >= 40.0;
                assert!(apart, "{one:?} {other:?}");
            }
        }
        for ((from, to), route) in edges.iter().zip(&drawn.routes) {
            let (first, last) = (route[0], route[route.len() - 1]);
            assert_eq!((first.0, last.0), (drawn.corners[*from].0 + 100.0, drawn.corners[*to].0));
        }
    }

    #[test]
    fn a_circle_is_drawn_too() {
        let edges = [(0, 1), (1, 2), (2, 0)];
        let drawn = of(3, &edges);
        // The edge that leads back ends where the first node ends.
        let back = &drawn.routes[2];
        assert_eq!((back[0].0, back[back.len() - 1].0), (drawn.corners[2].0, drawn.corners[0].0 + 100.0));
        // Its tip has a direction: to the left.
        let [.., before, last] = back.as_slice() else { panic!("it has two ends: {back:?}") };
        assert!(before.0 > last.0 + 1.0, "{back:?}");
    }

    #[test]
    fn labels_have_room_in_the_gaps_that_they_stand_in() {
        let edges = [(0, 1), (1, 2), (2, 1)];
        let drawn = layout(&[(100.0, 40.0); 3], &edges, &[20.0, 150.0, 70.0]);
        let gap = |from: usize, to: usize| drawn.corners[to].0 - drawn.corners[from].0 - 100.0;
        assert_eq!((gap(0, 1), gap(1, 2)), (BETWEEN_LAYERS, 150.0 + 70.0 + BESIDE_LABELS));
    }

    #[test]
    fn an_order_without_crossings_is_found() {
        // Two chains that would cross in the order of their nodes.
        let mut layers_edges = vec![(0, 3), (1, 2)];
        layers_edges.extend([(3, 4), (2, 5)]);
        let edges = layers_edges;
        let forward = without_cycles(6, &edges);
        let ranks = ranks(6, &forward);
        let sizes = vec![(100.0, 40.0); 6];
        let mut layers = Layers::new(&sizes, &forward, &ranks);
        assert!(layers.crossings() > 0);
        layers.order();
        assert_eq!(layers.crossings(), 0);
    }
}
