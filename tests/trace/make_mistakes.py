"""Makes tests/fixtures/trace-mistakes: traces of the small article model, right and with one mistake planted in each.

Run: python3 tests/trace/make_mistakes.py        (torch; 1.13 made the committed ones)

The files are in the plain form of tests/fixtures/trace: the last call's output of a module that is called several times,
and no more metadata than order, steps, config and seed, so that nothing but the numbers can give a mistake away.
"""

import json
import os
import struct
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
from article_model import CONFIG, Mistake, build  # noqa: E402

FOLDER = os.path.join(HERE, "..", "fixtures", "trace-mistakes")
PROMPT = [[5, 17, 42, 8, 60, 33]]
SEED = 123


class AttentionScaleMissing(Mistake):
    def scale(self, layer, head_dim):
        return 1.0


class AttentionScaleOfTheWholeWidth(Mistake):
    def scale(self, layer, head_dim):
        return CONFIG["emb_dim"] ** -0.5


class AttentionScaleByLayer(Mistake):
    def scale(self, layer, head_dim):
        return head_dim ** -0.5 / (layer + 1)


class GeluErf(Mistake):
    def activation(self, layer, x):
        return torch.nn.functional.gelu(x)


class GeluSigmoidInBlock1(Mistake):
    def activation(self, layer, x):
        return x * torch.sigmoid(1.702 * x) if layer == 1 else super().activation(layer, x)


class Relu(Mistake):
    def activation(self, layer, x):
        return torch.relu(x)


class NoActivation(Mistake):
    def activation(self, layer, x):
        return x


class PositionsRestart(Mistake):
    def positions(self, start, count):
        return torch.arange(count)


class PositionsOffByOne(Mistake):
    def positions(self, start, count):
        return torch.arange(start + 1, start + 1 + count)


class PositionsOffByThreeInTheCache(Mistake):
    def positions(self, start, count):
        return torch.arange(start, start + count) + (3 if start > 0 else 0)


class NoMask(Mistake):
    def hidden(self, layer, past, count, keys):
        return torch.zeros(count, keys, dtype=torch.bool)


class MaskOffByOne(Mistake):
    def hidden(self, layer, past, count, keys):
        return torch.arange(keys) > (torch.arange(count) + (keys - count))[:, None] + 1


class MaskTopLeft(Mistake):
    """Wrong only where several tokens follow a warm cache: traced with a second step of three tokens."""

    def hidden(self, layer, past, count, keys):
        return torch.arange(keys) > torch.arange(count)[:, None]


class MaskTopLeftInBlock1(Mistake):
    """A length that layer 1 reads after layer 0 has advanced it."""

    def hidden(self, layer, past, count, keys):
        return torch.arange(keys) > torch.arange(count)[:, None] + (0 if layer == 1 else past)


class Window4(Mistake):
    def hidden(self, layer, past, count, keys):
        own = (torch.arange(count) + (keys - count))[:, None]
        return super().hidden(layer, past, count, keys) | (torch.arange(keys) <= own - 4)


class NewKeysFirst(Mistake):
    def cached(self, layer, cache, new):
        return new if cache is None else torch.cat([new, cache], dim=2)

    def hidden(self, layer, past, count, keys):
        return super().hidden(layer, past, count, keys) if past == 0 else torch.zeros(count, keys, dtype=torch.bool)


class CacheNotUsed(Mistake):
    def cached(self, layer, cache, new):
        return new


class CacheLosesTheFirst(Mistake):
    def cached(self, layer, cache, new):
        return new if cache is None else torch.cat([cache[:, :, 1:], new], dim=2)


class CachedKeysZero(Mistake):
    def cached(self, layer, cache, new):
        return new if cache is None else torch.cat([torch.zeros_like(cache) if layer == "key" else cache, new], dim=2)


class CachedValuesZero(Mistake):
    def cached(self, layer, cache, new):
        return new if cache is None else torch.cat([torch.zeros_like(cache) if layer == "value" else cache, new], dim=2)


class CachedKeysOverwritten(Mistake):
    """Every new key is written at slot 0 as well: a write position that stays behind."""

    def cached(self, layer, cache, new):
        if cache is None:
            return new
        cache = cache.clone()
        cache[:, :, :1] = cache[:, :, 3:4]
        return torch.cat([cache, new], dim=2)


class CacheOfEightBits(Mistake):
    def cached(self, layer, cache, new):
        if cache is None:
            return new
        scale = cache.abs().amax(-1, keepdim=True) / 127
        return torch.cat([(cache / scale).round() * scale, new], dim=2)


class HeadsPermuted(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            for part in (model.trf_blocks[0].att.W_query.weight, model.trf_blocks[0].att.W_query.bias):
                part.copy_(part.reshape(3, 8, -1)[[2, 0, 1]].reshape(part.shape))


class HeadsLast(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            for part in (model.trf_blocks[0].att.W_key.weight, model.trf_blocks[0].att.W_key.bias):
                part.copy_(part.reshape(3, 8, -1).transpose(0, 1).reshape(part.shape))


class HeadsSplitWithoutTranspose(Mistake):
    def split(self, x, heads):
        b, n, width = x.shape
        return x.view(b, heads, n, width // heads)


class HeadsJoinedWithoutTranspose(Mistake):
    def join(self, x):
        b, heads, n, d = x.shape
        return x.reshape(b, n, heads * d)


class ColumnsPermuted(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            weight = model.trf_blocks[0].ff.layers[0].weight
            bias = model.trf_blocks[0].ff.layers[0].bias
            order = torch.randperm(len(bias), generator=torch.Generator().manual_seed(1))
            weight.copy_(weight[order])
            bias.copy_(bias[order])


class WeightTransposed(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            weight = model.trf_blocks[0].att.W_value.weight
            weight.copy_(weight.t().clone())


class KeyAndValueSwapped(Mistake):
    def prepare(self, model):
        att = model.trf_blocks[0].att
        with torch.no_grad():
            for name in ("weight", "bias"):
                key, value = getattr(att.W_key, name), getattr(att.W_value, name)
                copy = key.clone()
                key.copy_(value)
                value.copy_(copy)


class OtherWeights(Mistake):
    """Another seed altogether."""


class OtherWeightsInOneModule(Mistake):
    def prepare(self, model):
        torch.manual_seed(77)
        model.trf_blocks[1].ff.layers[0].reset_parameters()


class BiasMissing(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            model.trf_blocks[0].att.W_key.bias.zero_()


class WeightsRoundedToBFloat16(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.bfloat16())


class ComputedInFloat16(Mistake):
    """float16 weights and every output rounded to it, kept as float32."""

    def prepare(self, model):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.half())
        for module in model.modules():
            module.register_forward_hook(lambda m, i, o: o.half().float())


class DropoutOn(Mistake):
    def prepare(self, model):
        model.train()


class NormUnbiased(Mistake):
    def normalise(self, norm, x):
        var = x.var(-1, keepdim=True, unbiased=True)
        return norm.scale * (x - x.mean(-1, keepdim=True)) / torch.sqrt(var + 1e-5) + norm.shift


class NormEpsilon(Mistake):
    def normalise(self, norm, x):
        var = x.var(-1, keepdim=True, unbiased=False)
        return norm.scale * (x - x.mean(-1, keepdim=True)) / torch.sqrt(var + 1e-3) + norm.shift


class RootMeanSquareNorm(Mistake):
    def normalise(self, norm, x):
        return norm.scale * x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) + norm.shift


class ResidualOfAttentionMissing(Mistake):
    def residual(self, layer, which, shortcut, x):
        return x if which == "att" else shortcut + x


class ResidualOfFeedForwardMissing(Mistake):
    def residual(self, layer, which, shortcut, x):
        return x if which == "ff" else shortcut + x


class ResidualOfAttentionHalved(Mistake):
    def residual(self, layer, which, shortcut, x):
        return shortcut + 0.5 * x if which == "att" else shortcut + x


class PositionsDoubled(Mistake):
    def positions(self, start, count):
        return 2 * torch.arange(start, start + count)


class ActivationClamped(Mistake):
    def activation(self, layer, x):
        return super().activation(layer, x).clamp(max=1.2)


class NotANumberInAMaskedRow(Mistake):
    """A row without a single visible key: softmax over −∞ only."""

    def hidden(self, layer, past, count, keys):
        hidden = super().hidden(layer, past, count, keys).clone()
        hidden[0] = True
        return hidden if past == 0 else super().hidden(layer, past, count, keys)


class SoftmaxOverQueries(Mistake):
    def softmax(self, scores):
        return torch.softmax(scores, dim=-2)


class LogitsOutliers(Mistake):
    def prepare(self, model):
        with torch.no_grad():
            model.out_head.weight[[3, 50]] *= 1.5


class BatchRowsSwapped(Mistake):
    """A beam reorder that one step's tokens did not follow; traced with two rows."""

    def cached(self, layer, cache, new):
        return new if cache is None else torch.cat([cache.flip(0), new], dim=2)


def record(model, steps):
    """{key: tensor} in order, a later call's output in the place of an earlier one's."""
    kept, step = {}, [0]

    def hook(name):
        def keep(module, arguments, output):
            kept["%03d.%s" % (step[0], name)] = output.detach().clone()
        return keep

    hooks = [module.register_forward_hook(hook(name)) for name, module in model.named_modules() if name]
    with torch.no_grad():
        for number, ids in enumerate(steps):
            step[0] = number
            kept["%03d.logits" % number] = model(torch.tensor(ids), use_cache=True)
    for one in hooks:
        one.remove()
    return kept


def save(path, kept, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for key, tensor in kept.items():
        size = tensor.numel() * 4
        header[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in kept.values():
            file.write(tensor.float().contiguous().numpy().tobytes())


def make(name, mistake, steps, seed=SEED):
    model = build(mistake, seed)
    torch.manual_seed(9)                     # for dropout
    kept = record(model, steps)
    save(os.path.join(FOLDER, name + ".safetensors"), kept, {
        "config": json.dumps(CONFIG), "seed": str(SEED), "order": json.dumps(list(kept)),
        "steps": json.dumps([ids[0] if len(ids) == 1 else ids for ids in steps])})


def dashed(name):
    return "".join(("-" + c.lower()) if c.isupper() or (c.isdigit() and not name[i - 1].isdigit()) else c
                   for i, c in enumerate(name)).lstrip("-")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    single = [PROMPT, [[12]], [[50]]]
    chunks = [PROMPT, [[12, 50, 7]], [[3]]]
    batch = [[PROMPT[0], [9, 2, 44, 31, 64, 20]], [[12], [50]], [[7], [3]]]
    for name, steps in (("right", single), ("right-in-chunks", chunks), ("right-of-two-rows", batch)):
        make(name, None, steps)
    others = {MaskTopLeft: chunks, MaskTopLeftInBlock1: chunks, BatchRowsSwapped: batch}
    for mistake in Mistake.__subclasses__():
        make(dashed(mistake.__name__), mistake(), others.get(mistake, single), seed=7 if mistake is OtherWeights else SEED)


if __name__ == "__main__":
    main()
