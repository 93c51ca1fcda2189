"""Reader.forward for training: the same numbers and gradients at a third of the time.

Where the time goes is not arithmetic but memory: [B, cells, 128] inside of additive attention, made and walked over
several times a step, forth and back. So

- memory itself is never made: a weighted sum of it is one of the features and one of the columns' states, each
  through its own matrix, and a step reads 96 numbers of a cell instead of 256;
- rows come in order of falling length, and those that have ended drop out;
- attention runs in blocks of rows that stay in the cache, and makes its tanh again on the way back, as a sigmoid,
  which torch's vectors do in a quarter of the time: tanh x = 2 sigmoid 2x - 1, and the softmax is blind to the 1;
- what the steps give back to features and states is one product over all steps, at the end.
"""

import torch
import torch.nn.functional as F

BLOCK = 8  # rows


class Sources(torch.autograd.Function):
    """Twice the keys, features and states of columns, as the steps see them. On the way back it comes after all steps, and
    sums up what they left in `kept`."""

    @staticmethod
    def forward(ctx, keys, features, seen, kept):
        ctx.kept, ctx.shapes = kept, (features.shape, seen.shape)
        ctx.set_materialize_grads(False)
        kept["keys"] = torch.zeros_like(keys)
        kept["steps"] = []
        return 2 * keys, features.view_as(features), seen.view_as(seen)

    @staticmethod
    def backward(ctx, *_):
        (batch, cells, width), (_, cols, states) = ctx.shapes
        steps = ctx.kept["steps"]
        weights = torch.zeros(batch, len(steps), cells)
        shown, around = torch.zeros(batch, len(steps), width), torch.zeros(batch, len(steps), states)
        for t, step in enumerate(steps):
            for whole, part in zip((weights, shown, around), step):
                whole[: len(part), t] = part
        by_column = weights.unflatten(2, (-1, cols)).sum(2)
        # energy is the same in all steps, so they leave it out of what they sum up; 4 is the slope of tanh.
        to_keys = ctx.kept["keys"].mul_(4 * ctx.kept["energy"])
        ctx.kept.clear()
        return to_keys, weights.transpose(1, 2) @ shown, by_column.transpose(1, 2) @ around, None


class Look(torch.autograd.Function):
    """asked [n, A] and energy [A] over the first n rows of the sources -> weights [n, cells], their sums of features
    [n, C] and of states [n, 2·hidden]."""

    @staticmethod
    def forward(ctx, asked, energy, keys, features, seen, kept):
        count, cols, twice = len(asked), seen.shape[1], 2 * asked
        weights = asked.new_empty(count, keys.shape[1])
        shown, around = asked.new_empty(count, features.shape[2]), asked.new_empty(count, seen.shape[2])
        for begin in range(0, count, BLOCK):
            at = slice(begin, min(begin + BLOCK, count))
            tops = keys[at].add(twice[at, None]).sigmoid_()
            looked = (tops @ (2 * energy)).softmax(1)
            weights[at] = looked
            shown[at] = torch.bmm(looked[:, None], features[at]).squeeze(1)
            around[at] = torch.bmm(looked.unflatten(1, (-1, cols)).sum(1)[:, None], seen[at]).squeeze(1)
        ctx.save_for_backward(asked, energy, keys, features, seen, weights)
        ctx.kept = kept
        kept["energy"] = energy.detach()
        return weights, shown, around

    @staticmethod
    def backward(ctx, to_weights, to_shown, to_around):
        asked, energy, keys, features, seen, weights = ctx.saved_tensors
        twice, to_asked, to_energy = 2 * asked, torch.empty_like(asked), torch.zeros_like(energy)
        for begin in range(0, len(asked), BLOCK):
            at = slice(begin, min(begin + BLOCK, len(asked)))
            looked = weights[at]
            by_column = torch.bmm(seen[at], to_around[at, :, None]).squeeze(2)
            wanted = to_weights[at] + torch.bmm(features[at], to_shown[at, :, None]).squeeze(2)
            wanted = (wanted.unflatten(1, (-1, seen.shape[1])) + by_column[:, None]).flatten(1)
            wanted = looked * (wanted - (looked * wanted).sum(1, keepdim=True))  # through the softmax
            tops = keys[at].add(twice[at, None]).sigmoid_()
            to_energy += 2 * (wanted.flatten() @ tops.flatten(0, 1))  # `wanted` sums to 0 over a row's cells
            slopes = torch.addcmul(tops, tops, tops, value=-1).mul_(wanted[:, :, None])
            to_asked[at] = slopes.sum(1)
            ctx.kept["keys"][at] += slopes
        # Steps come back last first, and rows that ended early are not in the last ones.
        ctx.kept["steps"].append((weights.detach(), to_shown, to_around))
        return to_asked * (4 * energy), to_energy, None, None, None, None


def teach(net, pictures, ids, counts, half=False):
    """Teacher-forced: (logits [sum of counts, V], each step's weights), step after step; step t has the first
    counts[t] rows. `half` runs the large products in bfloat16."""
    key, kept = net.attention.key_layer, {}
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        features = net.stem(pictures)
        rows, cols = features.shape[2:]
        columns = F.relu(net.columns(features.permute(0, 3, 1, 2).flatten(2)))
    seen, state = net.encoder(columns.float())
    features = features.flatten(2).transpose(1, 2)
    bias = F.linear(net.cells.bias, key.weight, key.bias)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        keys = F.linear(features, key.weight @ net.cells.weight, bias)
    keys = keys.float().unflatten(1, (rows, cols)) + F.linear(seen, key.weight @ net.seen.weight)[:, None]
    keys, features, seen = Sources.apply(keys.flatten(1, 2), features.float().contiguous(), seen, kept)
    energy, embedded = net.attention.energy.weight[0], net.embedding(ids)
    readouts, weights = [], []
    for t, count in enumerate(counts):
        state = state[:count]
        looked, shown, around = Look.apply(net.attention.query_layer(state), energy, keys, features, seen, kept)
        context, e = net.cells(shown) + net.seen(around), embedded[:count, t]
        state = net.cell(torch.cat([e, context], 1), state)
        readouts.append(torch.cat([state, context, e], 1))
        weights.append(looked)
    return net.out(torch.cat(readouts)), weights
