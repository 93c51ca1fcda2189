"""The reader of words: a convolution stem to a grid of cells, a GRU over its columns, and a GRU that writes.

Bahdanau et al. 2015, "Neural machine translation by jointly learning to align and translate", over the cells of a
picture as in Xu et al. 2015, "Show, attend and tell": each character is written while attention lies on the cells
that show it, so a reader's map is the picture of where it looked. Names as the system seq2seq_additive has them.
"""

import torch
import torch.nn.functional as F
from torch import nn

SYSTEM = "fovea_reader"
PAD, START, END, FIRST = 0, 1, 2, 3  # character i has the id FIRST + i
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .,:;!?'\"-_()/&%$€#@+*="
CONFIG = {
    "system": SYSTEM,
    "input_height": 32,
    "input_width": 160,
    "stem_widths": [24, 32, 64, 64, 96, 96],
    "strides": [2, 1, 2, 1, 1, 1],
    "column_size": 192,
    "encoder_hidden": 128,
    "decoder_hidden": 256,
    "embedding_size": 64,
    "attention_size": 128,
    "vocab_size": FIRST + len(CHARACTERS),
    "pad_id": PAD,
    "start_id": START,
    "end_id": END,
    "max_steps": 32,
    "characters": CHARACTERS,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}


class Block(nn.Module):
    """A 3×3 convolution, its norm and ReLU; around a residual where the shape stays."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.residual = inputs == width and stride == 1

    def forward(self, x):
        y = self.bn(self.conv(x))
        return F.relu(y + x if self.residual else y)


class Encoder(nn.Module):
    """columns [B, cols, inputs] -> U [B, cols, 2·hidden], the decoder's first state [B, decoder]."""

    def __init__(self, inputs, hidden, decoder):
        super().__init__()
        self.rnn = nn.GRU(inputs, hidden, batch_first=True, bidirectional=True)
        self.bridge_h = nn.Linear(2 * hidden, decoder)

    def forward(self, columns):
        states, last = self.rnn(columns)
        return states, torch.tanh(self.bridge_h(torch.cat([last[0], last[1]], 1)))


class Attention(nn.Module):
    """Additive attention: softmax over cells of v·tanh(W query + U memory)."""

    def __init__(self, memory, query, size):
        super().__init__()
        self.key_layer = nn.Linear(memory, size)
        self.query_layer = nn.Linear(query, size, bias=False)
        self.energy = nn.Linear(size, 1, bias=False)

    def forward(self, keys, query):
        return self.energy(torch.tanh(keys + self.query_layer(query)[:, None])).squeeze(2).softmax(1)


class Reader(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths, hidden, state = config["stem_widths"], config["encoder_hidden"], config["decoder_hidden"]
        memory, embedded = 2 * hidden, config["embedding_size"]
        self.grid = [config["input_height"], config["input_width"]]
        for stride in config["strides"]:
            self.grid = [-(-side // stride) for side in self.grid]
        self.max_steps = config["max_steps"]
        self.stem = nn.Sequential(*[Block(*shape) for shape in zip([3] + widths[:-1], widths, config["strides"])])
        self.columns = nn.Linear(widths[-1] * self.grid[0], config["column_size"])
        self.encoder = Encoder(config["column_size"], hidden, state)
        self.cells = nn.Linear(widths[-1], memory)
        self.seen = nn.Linear(memory, memory, bias=False)
        self.embedding = nn.Embedding(config["vocab_size"], embedded)
        self.attention = Attention(memory, state, config["attention_size"])
        self.cell = nn.GRUCell(embedded + memory, state)
        self.out = nn.Linear(state + memory + embedded, config["vocab_size"])

    def encode(self, features):
        """F [B, C, rows, cols] -> memory [B, rows·cols, 2·hidden], the decoder's first state."""
        batch, width, rows, cols = features.shape
        columns = features.permute(0, 3, 1, 2).reshape(batch, cols, width * rows)
        seen, state = self.encoder(F.relu(self.columns(columns)))
        # A cell knows what it shows by itself, and what is around it through its column.
        memory = self.cells(features.permute(0, 2, 3, 1)) + self.seen(seen)[:, None]
        return memory.flatten(1, 2), state

    def step(self, ids, state, memory, keys):
        """One character: (what `out` reads, the next state, weights [B, rows·cols])."""
        e = self.embedding(ids)
        weights = self.attention(keys, state)
        context = (weights[:, None] @ memory).squeeze(1)
        state = self.cell(torch.cat([e, context], 1), state)
        return torch.cat([state, context, e], 1), state, weights

    def forward(self, pictures, decoder_input):
        """Teacher-forced: logits [B, steps, V] and weights [B, steps, rows·cols]."""
        memory, state = self.encode(self.stem(pictures))
        keys, readouts, weights = self.attention.key_layer(memory), [], []
        for ids in decoder_input.unbind(1):
            readout, state, looked = self.step(ids, state, memory, keys)
            readouts.append(readout)
            weights.append(looked)
        return self.out(torch.stack(readouts, 1)), torch.stack(weights, 1)

    @torch.no_grad()
    def read(self, pictures):
        """Greedy: ids [B, 1 + max_steps] from the start id, their number with start and end id, and each step's
        logits and weights, zero after a row has ended."""
        memory, state = self.encode(self.stem(pictures))
        keys, count = self.attention.key_layer(memory), len(pictures)
        generated = torch.full((count, 1 + self.max_steps), PAD)
        generated[:, 0] = START
        lengths = torch.ones(count, dtype=torch.long)
        step_logits = torch.zeros(count, self.max_steps, self.out.out_features)
        step_weights = torch.zeros(count, self.max_steps, keys.shape[1])
        active = torch.ones(count, dtype=torch.bool)
        for t in range(self.max_steps):
            readout, state, weights = self.step(generated[:, t], state, memory, keys)
            logits = self.out(readout)
            step_logits[active, t], step_weights[active, t] = logits[active], weights[active]
            generated[active, t + 1] = logits.argmax(1)[active]
            lengths += active
            active = active & (generated[:, t + 1] != END)
            if not active.any():
                break
        return generated, lengths, step_logits, step_weights


def stored_config(config):
    """config.json's entries: the stem's widths are read from the weights, so they are not repeated."""
    return {key: value for key, value in config.items() if key != "stem_widths"}


def from_stored(config, tensors):
    """The reader of a model folder, from its config.json and its tensors."""
    count = len(config["strides"])
    widths = [tensors[f"stem.{i}.conv.weight"].shape[0] for i in range(count)]
    net = Reader({**config, "stem_widths": widths})
    missing, unknown = net.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        raise SystemExit(f"[reader] missing {missing}, unknown {unknown}")
    return net.eval()


def weights(net):
    """The tensors that a forward pass reads; norms keep their statistics."""
    return {name: tensor for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def encode_text(text, characters=CHARACTERS):
    """A text's ids, without start and end."""
    return [FIRST + characters.index(character) for character in text]


def decode_ids(ids, characters=CHARACTERS):
    """What generated ids spell: up to the end id, without the ids that are no characters."""
    found = []
    for i in ids.tolist():
        if i == END:
            break
        if i >= FIRST:
            found.append(characters[i - FIRST])
    return "".join(found)
