"""Makes tests/fixtures/trace-hf/gelu-new.safetensors: GPT-2 under HuggingFace's names, recorded by tools/trace.py.

Run: python3 tests/trace/make_hf_trace.py        (torch; 1.13 made the committed one)

The model is a plain rewriting of GPT-2 with HuggingFace's module names and its outputs (tuples, a cache, an output that is a
dictionary); its weights are those of tests/fixtures/hf/gelu-new. Row 1 of the batch is left-padded.
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

from test_trace import load  # noqa: E402
from trace import trace  # noqa: E402

FIXTURES = os.path.join(HERE, "..", "fixtures")


class Conv1D(nn.Module):
    def __init__(self, out, inputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, out))
        self.bias = nn.Parameter(torch.empty(out))

    def forward(self, x):
        return x @ self.weight + self.bias


class NewGELU(nn.Module):
    def forward(self, x):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


class Cache:
    def __init__(self, layers):
        self.key_cache, self.value_cache = [None] * layers, [None] * layers

    def update(self, layer, k, v):
        if self.key_cache[layer] is not None:
            k, v = torch.cat([self.key_cache[layer], k], 2), torch.cat([self.value_cache[layer], v], 2)
        self.key_cache[layer], self.value_cache[layer] = k, v
        return k, v


class Attention(nn.Module):
    def __init__(self, width, heads, layer):
        super().__init__()
        self.heads, self.layer = heads, layer
        self.c_attn = Conv1D(3 * width, width)
        self.c_proj = Conv1D(width, width)
        self.resid_dropout = nn.Dropout(0.1)

    def forward(self, x, cache, hidden):
        b, n, width = x.shape
        q, k, v = (part.view(b, n, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(width, dim=2))
        k, v = cache.update(self.layer, k, v)
        scores = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).masked_fill(hidden, torch.finfo(x.dtype).min)
        weights = scores.softmax(-1)
        return self.resid_dropout(self.c_proj((weights @ v).transpose(1, 2).reshape(b, n, width))), weights


class MLP(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.c_fc = Conv1D(inner, width)
        self.c_proj = Conv1D(width, inner)
        self.act = NewGELU()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return self.dropout(self.c_proj(self.act(self.c_fc(x))))


class Block(nn.Module):
    def __init__(self, width, heads, layer, eps):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width, heads, layer)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = MLP(width, 4 * width)

    def forward(self, x, cache, hidden):
        x = x + self.attn(self.ln_1(x), cache, hidden)[0]
        return x + self.mlp(self.ln_2(x))


class Output(collections.OrderedDict):
    pass


class Transformer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["n_embd"]
        self.wte = nn.Embedding(c["vocab_size"], width)
        self.wpe = nn.Embedding(c["n_positions"], width)
        self.drop = nn.Dropout(0.1)
        self.h = nn.ModuleList([Block(width, c["n_head"], i, c["layer_norm_epsilon"]) for i in range(c["n_layer"])])
        self.ln_f = nn.LayerNorm(width, eps=c["layer_norm_epsilon"])

    def forward(self, input_ids, attention_mask, cache):
        n, keys = input_ids.shape[1], attention_mask.shape[1]
        positions = (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, -n:]
        hidden = torch.arange(keys) > torch.arange(keys - n, keys)[:, None]
        hidden = hidden | (attention_mask[:, None, None, :] == 0)
        x = self.drop(self.wte(input_ids) + self.wpe(positions))
        for block in self.h:
            x = block(x, cache, hidden)
        return Output(last_hidden_state=self.ln_f(x), past_key_values=cache)


class GPT2LMHeadModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.transformer = Transformer(config)
        self.lm_head = nn.Linear(config["n_embd"], config["vocab_size"], bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, input_ids=None, attention_mask=None, past_key_values=None):
        cache = past_key_values or Cache(self.config["n_layer"])
        x = self.transformer(input_ids, attention_mask, cache)["last_hidden_state"]
        return Output(logits=self.lm_head(x), past_key_values=cache)


def main():
    source = os.path.join(FIXTURES, "hf", "gelu-new")
    with open(os.path.join(source, "config.json")) as file:
        model = GPT2LMHeadModel(json.load(file)).eval()
    _, weights = load(os.path.join(source, "model.safetensors"))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    os.makedirs(os.path.join(FIXTURES, "trace-hf"), exist_ok=True)
    with trace(model, os.path.join(FIXTURES, "trace-hf", "gelu-new.safetensors"), max_elements=2000) as t, torch.no_grad():
        mask = torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1]])
        output = model(input_ids=torch.tensor([[5, 9, 2, 7, 1, 3], [0, 0, 8, 4, 6, 10]]), attention_mask=mask)
        t.next_step()
        model(input_ids=torch.tensor([[11], [12]]), attention_mask=torch.cat([mask, torch.ones(2, 1, dtype=torch.long)], 1),
              past_key_values=output["past_key_values"])


if __name__ == "__main__":
    main()
