"""Makes traces of one unchanged model, called in the ways that people call HuggingFace's GPT-2: tests/fixtures/reports.

Run: python3 tests/trace/make_report_traces.py [FOLDER]        (torch; 1.13 made the committed ones)

The model is a plain rewriting of HuggingFace's GPT2LMHeadModel with its arguments, module names and outputs; its weights
are those of tests/fixtures/reports/c-base. The traces k-*.safetensors that are not listed here were made in the same way.
"""

import collections
import json
import math
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools")]

import torch  # noqa: E402
from torch import nn  # noqa: E402

from make_hf_trace import MLP, Conv1D  # noqa: E402
from test_trace import load  # noqa: E402
from trace import trace  # noqa: E402

REPORTS = os.path.join(HERE, "..", "fixtures", "reports")


class Cache:
    """Keys and values of each layer, as HuggingFace's DynamicCache."""

    def __init__(self):
        self.key_cache, self.value_cache = [], []

    def get_seq_length(self):
        return self.key_cache[0].shape[2] if self.key_cache else 0

    def update(self, layer, k, v):
        if layer == len(self.key_cache):
            self.key_cache.append(k)
            self.value_cache.append(v)
        else:
            self.key_cache[layer] = torch.cat([self.key_cache[layer], k], 2)
            self.value_cache[layer] = torch.cat([self.value_cache[layer], v], 2)
        return self.key_cache[layer], self.value_cache[layer]


class Attention(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        self.heads, self.layer, width = c["n_head"], layer, c["n_embd"]
        self.c_attn = Conv1D(3 * width, width)
        self.c_proj = Conv1D(width, width)
        self.attn_dropout = nn.Dropout(0.1)
        self.resid_dropout = nn.Dropout(0.1)

    def forward(self, x, cache, added):
        b, n, width = x.shape
        q, k, v = (part.view(b, n, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(width, dim=2))
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        lowest = torch.finfo(x.dtype).min
        keys = k.shape[2]
        later = torch.arange(keys) > torch.arange(keys - n, keys)[:, None]
        scores = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).masked_fill(later, lowest)
        if added is not None:
            scores = scores + added
        weights = self.attn_dropout(scores.softmax(-1))
        return self.resid_dropout(self.c_proj((weights @ v).transpose(1, 2).reshape(b, n, width))), weights


class Block(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        width = c["n_embd"]
        self.ln_1 = nn.LayerNorm(width, eps=c["layer_norm_epsilon"])
        self.attn = Attention(c, layer)
        self.ln_2 = nn.LayerNorm(width, eps=c["layer_norm_epsilon"])
        self.mlp = MLP(width, 4 * width)

    def forward(self, x, cache, added):
        x = x + self.attn(self.ln_1(x), cache, added)[0]
        return x + self.mlp(self.ln_2(x))


class Output(collections.OrderedDict):
    pass


class GPT2Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.wte = nn.Embedding(c["vocab_size"], c["n_embd"])
        self.wpe = nn.Embedding(c["n_positions"], c["n_embd"])
        self.drop = nn.Dropout(0.1)
        self.h = nn.ModuleList([Block(c, i) for i in range(c["n_layer"])])
        self.ln_f = nn.LayerNorm(c["n_embd"], eps=c["layer_norm_epsilon"])

    def forward(self, input_ids=None, past_key_values=None, attention_mask=None, token_type_ids=None, position_ids=None,
                use_cache=True):
        n = input_ids.shape[1]
        cache = past_key_values if past_key_values is not None else Cache() if use_cache else None
        past = cache.get_seq_length() if cache is not None else 0
        if position_ids is None:
            position_ids = torch.arange(past, past + n).unsqueeze(0)
        added = None
        if attention_mask is not None:
            added = attention_mask
            if added.dim() == 2:
                added = (1.0 - added[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self.wte(input_ids) + self.wpe(position_ids.view(-1, n))
        if token_type_ids is not None:
            x = x + self.wte(token_type_ids.view(-1, n))
        x = self.drop(x)
        for block in self.h:
            x = block(x, cache, added)
        return Output(last_hidden_state=self.ln_f(x), past_key_values=cache)


class GPT2LMHeadModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.transformer = GPT2Model(c)
        self.lm_head = nn.Linear(c["n_embd"], c["vocab_size"], bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, input_ids=None, past_key_values=None, attention_mask=None, token_type_ids=None, position_ids=None,
                labels=None, use_cache=True, return_dict=True):
        inner = self.transformer(input_ids, past_key_values, attention_mask, token_type_ids, position_ids, use_cache)
        logits = self.lm_head(inner["last_hidden_state"])
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1))
        if not return_dict:
            return tuple(x for x in (loss, logits, inner["past_key_values"]) if x is not None)
        return Output(loss=loss, logits=logits, past_key_values=inner["past_key_values"])


class Wrapper(nn.Module):
    """A module with the model as its only part, as torch.compile and DataParallel make it."""

    def __init__(self, model, name):
        super().__init__()
        self.add_module(name, model)
        self._name = name

    def forward(self, *args, **kwargs):
        return getattr(self, self._name)(*args, **kwargs)


def build(bare=False):
    folder = os.path.join(REPORTS, "c-base")
    with open(os.path.join(folder, "config.json")) as file:
        model = GPT2LMHeadModel(json.load(file)).eval()
    _, weights = load(os.path.join(folder, "model.safetensors"))
    prefix = "" if any(name.startswith("transformer.") for name in weights) else "transformer."
    missing, unexpected = model.load_state_dict({prefix + name: w for name, w in weights.items()}, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    return model.transformer if bare else model


IDS = torch.tensor([[1, 2, 3, 104]])
BATCH = torch.tensor([[7, 8, 9, 10], [0, 0, 3, 4]])
MASK = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]])


def token_types(model):
    model(IDS, token_type_ids=torch.tensor([[5, 5, 6, 6]]))


def float_mask(model):
    model(BATCH, attention_mask=MASK.float())


def added_mask(model):
    lowest = torch.finfo(torch.float32).min
    later = torch.triu(torch.full((4, 4), lowest), diagonal=1)
    padding = ((1.0 - MASK.float()) * lowest)[:, None, None, :]
    model(BATCH, attention_mask=torch.clamp(later + padding, min=lowest))


def one_call(model):
    model(IDS)


def labels_as_tuple(model):
    model(IDS, labels=IDS, return_dict=False)


def continued_and_new(model):
    """Three calls: one, one that continues it by its cache, and one that begins anew with as many tokens."""
    output = model(IDS)
    model(torch.tensor([[9]]), past_key_values=output["past_key_values"])
    model(torch.tensor([[11]]))


TRACES = {
    "k-token-types": (build, token_types, {}),
    "k-float-mask": (build, float_mask, {}),
    "k-added-mask": (build, added_mask, {}),
    "k-bare": (lambda: build(bare=True), one_call, {}),
    "k-compiled": (lambda: Wrapper(build(), "_orig_mod"), one_call, {}),
    "k-labels-as-tuple": (build, labels_as_tuple, {}),
    "k-continued-and-new": (build, continued_and_new, {"only": lambda name: name.endswith(("ln_1", "mlp", "lm_head"))}),
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, (make, run, options) in TRACES.items():
        model = make()
        with trace(model, os.path.join(folder, name + ".safetensors"), **options), torch.no_grad():
            run(model)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else REPORTS)
