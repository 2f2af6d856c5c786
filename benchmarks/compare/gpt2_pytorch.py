"""GPT-2 with a KV cache as one writes it in eager PyTorch: the other side of `./run.sh bench port`, and a peer in `./run.sh bench peers`.

usage: gpt2_pytorch.py CHECKPOINT THREADS [DEVICE] [DTYPE]      (cpu, float32)
Reads one JSON request a line and answers with one JSON line; see `answer`. Needs torch and numpy.
"""
import json, math, os, struct, sys, time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class ConcatCache:
    """Keys and values grow by torch.cat."""

    def __init__(self, batch, heads, capacity, head_dim, like):
        self.k = self.v = None

    def update(self, k, v):  # (b, heads, new, head_dim) -> (b, heads, all, head_dim)
        self.k = k if self.k is None else torch.cat((self.k, k), dim=2)
        self.v = v if self.v is None else torch.cat((self.v, v), dim=2)
        return self.k, self.v


class StaticCache:
    """Keys and values are written into room made beforehand."""

    def __init__(self, batch, heads, capacity, head_dim, like):
        self.k = torch.zeros(batch, heads, capacity, head_dim, device=like.device, dtype=like.dtype)
        self.v = torch.zeros(batch, heads, capacity, head_dim, device=like.device, dtype=like.dtype)
        self.length = 0

    def update(self, k, v):
        end = self.length + k.size(2)
        self.k[:, :, self.length : end] = k
        self.v[:, :, self.length : end] = v
        self.length = end
        return self.k[:, :, :end], self.v[:, :, :end]


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.head_dim = c["n_head"], c["n_embd"] // c["n_head"]
        self.query, self.key, self.value, self.proj = (nn.Linear(c["n_embd"], c["n_embd"]) for _ in range(4))

    def forward(self, x, cache, mask):
        b, t, e = x.shape
        q = self.query(x).view(b, t, self.heads, self.head_dim).transpose(1, 2)  # (b, heads, t, head_dim)
        k = self.key(x).view(b, t, self.heads, self.head_dim).transpose(1, 2)
        v = self.value(x).view(b, t, self.heads, self.head_dim).transpose(1, 2)
        if cache is not None:
            k, v = cache.update(k, v)
        scores = q @ k.transpose(2, 3) / math.sqrt(self.head_dim)  # (b, heads, t, keys)
        if mask is not None:
            scores = scores.masked_fill(mask, -torch.inf)
        y = torch.softmax(scores, dim=-1) @ v  # (b, heads, t, head_dim)
        return self.proj(y.transpose(1, 2).reshape(b, t, e))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(c["n_embd"], eps=c["layer_norm_epsilon"]) for _ in range(2))
        self.attention = Attention(c)
        inner = c.get("n_inner") or 4 * c["n_embd"]
        self.up, self.down = nn.Linear(c["n_embd"], inner), nn.Linear(inner, c["n_embd"])

    def forward(self, x, cache, mask):
        x = x + self.attention(self.norm1(x), cache, mask)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.tokens = nn.Embedding(c["vocab_size"], c["n_embd"])
        self.positions = nn.Embedding(c["n_positions"], c["n_embd"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["n_layer"]))
        self.norm = nn.LayerNorm(c["n_embd"], eps=c["layer_norm_epsilon"])
        self.head = nn.Linear(c["n_embd"], c["vocab_size"], bias=False)
        if c.get("tie_word_embeddings", True):
            self.head.weight = self.tokens.weight

    def forward(self, ids, caches=None, past=0):
        t = ids.size(1)
        mask = None if t == 1 else torch.ones(t, past + t, dtype=torch.bool, device=ids.device).triu(past + 1)
        x = self.tokens(ids) + self.positions(torch.arange(past, past + t, device=ids.device))
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i], mask)
        return self.head(self.norm(x[:, -1]))  # (b, vocab): the next token's logits


def load(folder):
    with open(os.path.join(folder, "config.json")) as f:
        c = json.load(f)
    if c.get("activation_function", "gelu_new") not in ("gelu_new", "gelu_pytorch_tanh") or not c.get("scale_attn_weights", True) or c.get("scale_attn_by_inverse_layer_idx"):
        sys.exit("this script has gelu_new and scores scaled by 1/sqrt(head_dim) alone")
    path = os.path.join(folder, "model.safetensors")
    with open(path, "rb") as f:
        length = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(length))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)

    def tensor(name):
        entry = header[name if name == "lm_head.weight" else "transformer." + name]
        begin, end = entry["data_offsets"]
        return torch.from_numpy(np.array(data[begin:end])).view(torch.float32).view(entry["shape"])

    with torch.no_grad():
        model = GPT2(c).eval()
        model.tokens.weight.copy_(tensor("wte.weight"))
        model.positions.weight.copy_(tensor("wpe.weight"))
        for i, block in enumerate(model.blocks):
            h = f"h.{i}."
            weights, biases = tensor(h + "attn.c_attn.weight").chunk(3, dim=1), tensor(h + "attn.c_attn.bias").chunk(3)
            for linear, w, b in zip((block.attention.query, block.attention.key, block.attention.value), weights, biases):
                linear.weight.copy_(w.T), linear.bias.copy_(b)
            for linear, name in ((block.attention.proj, "attn.c_proj"), (block.up, "mlp.c_fc"), (block.down, "mlp.c_proj")):
                linear.weight.copy_(tensor(f"{h}{name}.weight").T), linear.bias.copy_(tensor(f"{h}{name}.bias"))
            for norm, name in ((block.norm1, "ln_1"), (block.norm2, "ln_2")):
                norm.weight.copy_(tensor(f"{h}{name}.weight")), norm.bias.copy_(tensor(f"{h}{name}.bias"))
        if model.head.weight is not model.tokens.weight:
            model.head.weight.copy_(tensor("lm_head.weight"))
        model.norm.weight.copy_(tensor("ln_f.weight")), model.norm.bias.copy_(tensor("ln_f.bias"))
    return model


def answer(model, request):
    """Greedy tokens after a prompt: {"cache", "batch", "prompt", "new", "threads"} -> {"first_ms", "ms": [each further token], "ids": row 0}."""
    c = model.c
    if request.get("threads"):
        torch.set_num_threads(request["threads"])
    batch, length = request["batch"], request["prompt"]
    rows = [[(7919 * (row + 1) + 104729 * i) % c["vocab_size"] for i in range(length)] for row in range(batch)]
    weight = model.head.weight
    ids = torch.tensor(rows, device=weight.device)
    kind = {"none": None, "concat": ConcatCache, "static": StaticCache}[request["cache"]]
    caches = kind and [kind(batch, c["n_head"], c["n_positions"], c["n_embd"] // c["n_head"], weight) for _ in model.blocks]
    out, times, past = [], [], 0
    with torch.inference_mode():
        step = ids
        for _ in range(request["new"]):
            began = time.perf_counter()
            logits = model(step, caches, past)
            next_ids = logits.argmax(dim=-1, keepdim=True)
            if caches is None:
                step = torch.cat((step, next_ids), dim=1)
            else:
                past += step.size(1)
                step = next_ids
            out.append(next_ids[0].item())
            times.append((time.perf_counter() - began) * 1e3)
    return {"first_ms": times[0], "ms": times[1:], "ids": out}


def main():
    checkpoint, threads, device, dtype = (sys.argv[1:] + ["cpu", "float32"][len(sys.argv) - 3 :])[:4]
    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(f"the torch {torch.__version__} of {sys.executable} sees no CUDA device")
    torch.set_num_threads(int(threads))
    model = load(checkpoint).to(device=device, dtype=getattr(torch, dtype))
    where = f", {torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}" if device.startswith("cuda") else ""
    print(json.dumps({"ready": f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread(s){where}"}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(model, json.loads(line))), flush=True)


main()
