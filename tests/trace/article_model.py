"""A GPT with a key/value cache in the shape of the article that the port follows, with mistakes that can be planted.

Modules are made in the article's order, so that torch.manual_seed gives the article's weights.
"""

import math

import torch
from torch import nn

CONFIG = {"vocab_size": 67, "context_length": 24, "emb_dim": 24, "n_heads": 3, "n_layers": 2, "drop_rate": 0.1,
          "qkv_bias": True}


class Mistake:
    """No mistake: every method is what the right model does. A planted mistake overrides one."""

    name = "right"

    def positions(self, start, count):
        return torch.arange(start, start + count)

    def activation(self, layer, x):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))

    def normalise(self, norm, x):
        mean = x.mean(-1, keepdim=True)
        var = x.var(-1, keepdim=True, unbiased=False)
        return norm.scale * (x - mean) / torch.sqrt(var + 1e-5) + norm.shift

    def scale(self, layer, head_dim):
        return head_dim ** -0.5

    def hidden(self, layer, past, count, keys):
        """True where a query may not see a key: (count, keys)."""
        return torch.arange(keys) > (torch.arange(count) + (keys - count))[:, None]

    def split(self, x, heads):
        b, n, width = x.shape
        return x.view(b, n, heads, width // heads).transpose(1, 2)

    def join(self, x):
        b, heads, n, d = x.shape
        return x.transpose(1, 2).reshape(b, n, heads * d)

    def cached(self, layer, cache, new):
        """Keys or values to attend to: (batch, heads, tokens, head_dim)."""
        return new if cache is None else torch.cat([cache, new], dim=2)

    def after(self, layer, x):
        """What the queries, keys or values become between their Linear and the attention."""
        return x

    def residual(self, layer, which, shortcut, x):
        return shortcut + x

    def prepare(self, model):
        """Changes the model after it is built."""

    def softmax(self, scores):
        return torch.softmax(scores, dim=-1)


class LayerNorm(nn.Module):
    def __init__(self, width, mistake):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))
        self.mistake = mistake

    def forward(self, x):
        return self.mistake.normalise(self, x)


class GELU(nn.Module):
    def __init__(self, layer, mistake):
        super().__init__()
        self.layer, self.mistake = layer, mistake

    def forward(self, x):
        return self.mistake.activation(self.layer, x)


class FeedForward(nn.Module):
    def __init__(self, cfg, layer, mistake):
        super().__init__()
        width = cfg["emb_dim"]
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), GELU(layer, mistake), nn.Linear(4 * width, width))

    def forward(self, x):
        return self.layers(x)


class MultiHeadAttention(nn.Module):
    def __init__(self, cfg, layer, mistake):
        super().__init__()
        width, self.heads = cfg["emb_dim"], cfg["n_heads"]
        self.W_query = nn.Linear(width, width, bias=cfg["qkv_bias"])
        self.W_key = nn.Linear(width, width, bias=cfg["qkv_bias"])
        self.W_value = nn.Linear(width, width, bias=cfg["qkv_bias"])
        self.out_proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(cfg["drop_rate"])
        self.layer, self.mistake = layer, mistake
        self.cache_k = self.cache_v = None

    def forward(self, x, use_cache=False):
        m, count = self.mistake, x.shape[1]
        keys = m.split(m.after("key", self.W_key(x)), self.heads)
        values = m.split(m.after("value", self.W_value(x)), self.heads)
        queries = m.split(m.after("query", self.W_query(x)), self.heads)
        past = 0
        if use_cache:
            past = 0 if self.cache_k is None else self.cache_k.shape[2]
            self.cache_k = keys = m.cached("key", self.cache_k, keys)
            self.cache_v = values = m.cached("value", self.cache_v, values)
        scores = queries @ keys.transpose(2, 3) * m.scale(self.layer, queries.shape[-1])
        scores = scores.masked_fill(m.hidden(self.layer, past, count, keys.shape[2]), -torch.inf)
        weights = self.dropout(m.softmax(scores))
        return self.out_proj(m.join(weights @ values))


class TransformerBlock(nn.Module):
    def __init__(self, cfg, layer, mistake):
        super().__init__()
        self.att = MultiHeadAttention(cfg, layer, mistake)
        self.ff = FeedForward(cfg, layer, mistake)
        self.norm1 = LayerNorm(cfg["emb_dim"], mistake)
        self.norm2 = LayerNorm(cfg["emb_dim"], mistake)
        self.drop_shortcut = nn.Dropout(cfg["drop_rate"])
        self.layer, self.mistake = layer, mistake

    def forward(self, x, use_cache=False):
        x = self.mistake.residual(self.layer, "att", x, self.drop_shortcut(self.att(self.norm1(x), use_cache)))
        return self.mistake.residual(self.layer, "ff", x, self.drop_shortcut(self.ff(self.norm2(x))))


class GPTModel(nn.Module):
    def __init__(self, cfg, mistake=None):
        super().__init__()
        mistake = mistake or Mistake()
        self.tok_emb = nn.Embedding(cfg["vocab_size"], cfg["emb_dim"])
        self.pos_emb = nn.Embedding(cfg["context_length"], cfg["emb_dim"])
        self.drop_emb = nn.Dropout(cfg["drop_rate"])
        self.trf_blocks = nn.ModuleList([TransformerBlock(cfg, i, mistake) for i in range(cfg["n_layers"])])
        self.current_pos = 0
        self.final_norm = LayerNorm(cfg["emb_dim"], mistake)
        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)
        self.mistake = mistake

    def forward(self, ids, use_cache=False):
        positions = self.mistake.positions(self.current_pos if use_cache else 0, ids.shape[1])
        if use_cache:
            self.current_pos += ids.shape[1]
        x = self.drop_emb(self.tok_emb(ids) + self.pos_emb(positions))
        for block in self.trf_blocks:
            x = block(x, use_cache)
        return self.out_head(self.final_norm(x))


def build(mistake=None, seed=123, cfg=CONFIG):
    torch.manual_seed(seed)
    model = GPTModel(cfg, mistake).eval()
    if mistake is not None:
        mistake.prepare(model)
    return model
