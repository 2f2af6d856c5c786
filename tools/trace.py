"""Records what every module of a PyTorch model computes, for TorchKv's port checker.

    from trace import trace

    with trace(model, "run.safetensors", config=GPT_CONFIG, seed=123) as t:
        logits = model(prompt_ids, use_cache=True)
        t.next_step()
        logits = model(next_id, use_cache=True)

Copy this one file into your own environment: it needs torch (1.10 or newer) and nothing else.
It works for any nn.Module, HuggingFace's included, and the file can be read with the safetensors package.

The file
    `STEP.MODULE`        the module's output, by its name in model.named_modules(); STEP is 000, 001, ...
    `STEP.logits`        the output of the model itself (another name with root="..."); where it has a name `logits`, as
                         HuggingFace's outputs do, that tensor comes first, and the loss after it as `STEP.logits:loss`
    `STEP.MODULE#2`      the second call of the same module within the step
    `STEP.MODULE:PART`   further tensors of an output that is a tuple, a list, a dict or a cache;
                         the first tensor of the output has the plain key
    metadata             order (keys as the modules finish, children before parents), steps (the ids fed),
                         inputs (the arguments that are tensors; of floats only small ones), flags (the arguments that
                         are True or False), past (the tokens in the cache that was an argument; null where the model
                         has no such argument), config, seed, training, modules (class and settings of each),
                         parameters (shape, sum and norm of each), aliases (names of modules that are shared), sampled
                         (full shapes), versions. All JSON; NaN and infinities are the strings "NaN", "Infinity",
                         "-Infinity"

Each step is one call of the model. A second call starts a new step by itself, so that `model.generate(...)` can be
traced too; `next_step()` says the same by hand, for a model whose parts are called one by one.

`max_elements=N` keeps at most about N numbers of a tensor, always the same ones for the same shape: with R rows (all
dimensions but the last) of C columns, the columns floor(j * C / K) for j < K = min(C, max(1, N // R)), of every row,
or, if R > N, of the rows floor(i * R / N) for i < N.

Tensors are written as they come: memory holds one module's output at a time. The file appears under its name when the
block ends without an exception; otherwise nothing is left behind.
"""

import ctypes
import inspect
import json
import math
import os
import platform
import shutil
import struct
import sys

import torch

FORMAT = "torchkv-trace/1"

# Arguments of floats that are recorded have at most so many numbers: masks do, embeddings of a large model do not.
MOST_FLOATS = 100000

# Integer arguments that are not the ids.
_NOT_IDS = ("attention_mask", "position_ids", "token_type_ids", "labels", "cache_position")

_PAST = ("past_key_values", "past_key_value", "layer_past", "past")

_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}


class trace:
    """Context manager that records a model's modules into a safetensors file.

    model         any torch.nn.Module
    path          the file to write
    config        dict that describes the model; taken from model.config or model.cfg where there is one
    seed          what torch.manual_seed was given before the model was built; torch.initial_seed() otherwise
    root          the name under which the model's own output is kept
    max_elements  samples larger tensors at fixed positions
    only          a function of the module's name that says whether to record it
    """

    def __init__(self, model, path, *, config=None, seed=None, root="logits", max_elements=None, only=None):
        if max_elements is not None and max_elements < 1:
            raise ValueError("max_elements must be at least 1, not %r" % (max_elements,))
        if sys.byteorder != "little":
            raise RuntimeError("safetensors files are little-endian; this machine is not")
        self.model = model
        self.path = os.fspath(path)
        self.root = root
        self.max_elements = max_elements
        self._only = only or (lambda name: True)
        self._config = config if config is not None else _config_of(model)
        self._seed = torch.initial_seed() if seed is None else seed
        self._part = self.path + ".part"
        self._data = None
        self._hooks = []
        self._entries = {}      # key -> (dtype, shape, begin, end)
        self._order = []
        self._calls = {}        # module name -> calls within the step
        self._sampled = {}
        self._skipped = []
        self._steps = []        # ids per step
        self._inputs = []
        self._flags = []        # arguments that are True or False, per step
        self._past = []         # tokens in the cache that was an argument, per step
        self._step = 0
        self._step_used = False
        self._root_called = False
        self._depth = 0
        self._forward = None

    # -- with

    def __enter__(self):
        self._parameters = _parameters_of(self.model)
        self._modules, self._aliases = _modules_of(self.model)
        self._data = open(self._part, "wb")
        try:
            for name, module in self.model.named_modules():
                if name and self._only(name):
                    self._hooks.append(module.register_forward_hook(self._hook(name)))
            self._watch_root()
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self._discard()
            return False
        try:
            self._release()
            self._write()
        except BaseException:
            self._discard()
            raise
        return False

    def next_step(self):
        """Ends the step; without effect while nothing has been recorded in it."""
        if self._step_used:
            self._step += 1
            self._calls = {}
            self._step_used = False
            self._root_called = False

    # -- recording

    def _watch_root(self):
        # Hooks see keyword arguments only from torch 2.0 on, and nothing of a model whose forward is called directly:
        # so the model's own forward is wrapped for as long as the trace runs.
        self._had_forward = "forward" in self.model.__dict__
        self._forward = self.model.forward

        def forward(*args, **kwargs):
            if self._depth == 0:
                if self._root_called:
                    self.next_step()
                self._root_called = True
                self._see(args, kwargs)
            self._depth += 1
            try:
                output = self._forward(*args, **kwargs)
            finally:
                self._depth -= 1
            if self._depth == 0:             # a model inside itself is not the step's result
                self._record(self.root, output, whole=True)
            return output

        self.model.forward = forward

    def _see(self, args, kwargs):
        seen, flags, ids = {}, {}, None
        parameters = _parameters_of_call(self.model, self._forward)
        named = [(_argument(parameters, i), value) for i, value in enumerate(args)] + list(kwargs.items())
        for name, value in named:
            if isinstance(value, bool):
                flags[name] = value
            if not torch.is_tensor(value) or value.is_complex() or value.device.type == "meta":
                continue
            if value.is_floating_point():
                if value.numel() <= MOST_FLOATS:
                    seen[name] = value.detach().double().tolist()
                continue
            seen[name] = value.tolist()
            if name == "input_ids" or (ids is None and value.dtype in (torch.int64, torch.int32)
                                       and name not in _NOT_IDS):
                ids = seen[name]
        past = None
        if any(name in _PAST for name in parameters):
            given = [value for name, value in named if name in _PAST and value is not None]
            past = _length_of(given[0]) if given else 0
        while len(self._steps) <= self._step:
            self._steps.append(None)
            self._inputs.append({})
            self._flags.append({})
            self._past.append(None)
        # One row is kept flat.
        flat = isinstance(ids, list) and len(ids) == 1 and isinstance(ids[0], list)
        self._steps[self._step] = ids[0] if flat else ids
        self._inputs[self._step] = seen
        self._flags[self._step] = flags
        self._past[self._step] = past

    def _hook(self, name):
        def hook(module, arguments, output):
            self._record(name, output, whole=False)
        return hook

    def _record(self, name, output, whole):
        self._step_used = True
        call = self._calls[name] = self._calls.get(name, 0) + 1
        base = "%03d.%s%s" % (self._step, name, "" if call == 1 else "#%d" % call)
        first = True
        for part, tensor in _tensors(output, whole):
            self._keep(base if first else "%s:%s" % (base, part), tensor)
            first = False
        if first:
            self._skipped.append(base)

    def _keep(self, key, tensor):
        tensor = tensor.detach()
        if tensor.device.type == "meta":
            self._skipped.append(key)
            return
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.dtype not in _DTYPES:
            tensor = tensor.float()          # the 8-bit floats
        full = list(tensor.shape)
        if self.max_elements is not None and tensor.numel() > self.max_elements:
            tensor = sample(tensor, self.max_elements)
            self._sampled[key] = full
        tensor = tensor.cpu().contiguous()
        size = tensor.numel() * tensor.element_size()
        begin = self._data.tell()
        if size:
            self._data.write((ctypes.c_char * size).from_address(tensor.data_ptr()))
        self._entries[key] = (_DTYPES[tensor.dtype], list(tensor.shape), begin, begin + size)
        self._order.append(key)

    # -- ending

    def _release(self):
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self._forward is not None:
            if self._had_forward:
                self.model.forward = self._forward
            else:
                del self.model.forward
            self._forward = None

    def _discard(self):
        self._release()
        if self._data is not None:
            self._data.close()
            self._data = None
        if os.path.exists(self._part):
            os.remove(self._part)
        if os.path.exists(self._part + "2"):
            os.remove(self._part + "2")

    def _metadata(self):
        return {
            "format": FORMAT,
            "root": self.root,
            "calls": "numbered",
            "order": _json(self._order),
            "steps": _json(self._steps),
            "inputs": _json(self._inputs),
            "flags": _json(self._flags),
            "past": _json(self._past),
            "config": _json(self._config),
            "seed": str(self._seed),
            "training": "true" if _is_training(self.model) else "false",
            "modules": _json(self._modules),
            "parameters": _json(self._parameters),
            "aliases": _json(self._aliases),
            "sampled": _json(self._sampled),
            "max_elements": str(self.max_elements or 0),
            "skipped": _json(self._skipped),
            "versions": _json(_versions()),
        }

    def _write(self):
        self._data.close()
        self._data = None
        header = {"__metadata__": self._metadata()}
        for key, (dtype, shape, begin, end) in self._entries.items():
            header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        text = json.dumps(header, separators=(",", ":")).encode("utf-8")
        text += b" " * (-len(text) % 8)
        whole = self._part + "2"
        with open(whole, "wb") as out, open(self._part, "rb") as data:
            out.write(struct.pack("<Q", len(text)))
            out.write(text)
            shutil.copyfileobj(data, out, 1 << 24)
        os.remove(self._part)
        os.replace(whole, self.path)


def sample(tensor, limit):
    """At most about `limit` numbers of a tensor at positions that depend on its shape alone (see the module's text)."""
    if tensor.dim() == 0:
        return tensor
    columns = tensor.shape[-1]
    rows = tensor.numel() // columns if columns else 0
    kept = min(columns, max(1, limit // max(1, rows)))
    index = torch.arange(kept, device=tensor.device) * columns // max(1, kept)
    if rows <= limit:
        return tensor.index_select(-1, index)
    chosen = torch.arange(limit, device=tensor.device) * rows // limit
    return tensor.reshape(rows, columns).index_select(0, chosen).index_select(1, index)


def _tensors(output, whole):
    """(part, tensor) for every tensor in an output: tuples, lists, dicts (HuggingFace's ModelOutput), caches."""
    if torch.is_tensor(output):
        yield "0", output
    elif isinstance(output, (tuple, list)):
        for i, item in enumerate(output):
            for part, tensor in _tensors(item, whole):
                yield _join(i, part, item), tensor
    elif hasattr(output, "items") and not isinstance(output, torch.nn.Module):
        # With labels, the loss comes before the logits.
        for name, item in sorted(output.items(), key=lambda item: item[0] != "logits"):
            for part, tensor in _tensors(item, whole):
                yield _join(name, part, item), tensor
    elif whole:
        # A cache object is one and the same in every layer's output: it is kept once, with the model's.
        for layer, (k, v) in enumerate(_cache_layers(output)):
            yield "%d.k" % layer, k
            yield "%d.v" % layer, v


def _join(name, part, item):
    return str(name) if torch.is_tensor(item) else "%s.%s" % (name, part)


def _cache_layers(cache):
    """(keys, values) of each layer of a HuggingFace Cache: `layers` (transformers 4.54 on) or key_cache and value_cache."""
    layers = getattr(cache, "layers", None)
    if isinstance(layers, (list, tuple)):
        pairs = [(getattr(layer, "keys", None), getattr(layer, "values", None)) for layer in layers]
    else:
        pairs = list(zip(getattr(cache, "key_cache", None) or [], getattr(cache, "value_cache", None) or []))
    return [(k, v) for k, v in pairs if torch.is_tensor(k) and torch.is_tensor(v)]


def _parameters_of_call(model, forward):
    """The names of forward's parameters; a wrapper that passes on what it gets has those of its only part."""
    try:
        parameters = inspect.signature(forward).parameters
    except (TypeError, ValueError):
        return []
    passes_on = all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values())
    parts = [part for part in model._modules.values() if part is not None]
    if passes_on and len(parts) == 1:
        return _parameters_of_call(parts[0], parts[0].forward)
    return list(parameters)


def _argument(parameters, index):
    """The name of a positional argument: its own where that says what it is for, else its number."""
    name = parameters[index] if index < len(parameters) else ""
    return name if index > 0 and (name in _NOT_IDS or name in _PAST or name == "use_cache") else "arg%d" % index


def _length_of(cache):
    """The number of tokens in a cache: a HuggingFace Cache, or (keys, values) of each layer, (rows, heads, tokens, size)."""
    if hasattr(cache, "get_seq_length"):
        return int(cache.get_seq_length())
    layers = _cache_layers(cache) or (list(cache) if isinstance(cache, (list, tuple)) else [])
    for layer in layers:
        if isinstance(layer, (list, tuple)) and layer and torch.is_tensor(layer[0]) and layer[0].dim() == 4:
            return layer[0].shape[2]
    return 0 if not layers else None


def _is_training(model):
    """Whether a part that computes is in training mode; that of a wrapper does not matter."""
    return any(module.training for module in model.modules() if not module._modules)


def _json(value):
    """JSON that any parser reads: Python's writes NaN and infinities, which are not JSON, and fails on other types."""
    return json.dumps(_plain(value), allow_nan=False, default=str)


def _plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _config_of(model):
    config = getattr(model, "config", None)
    if config is None:
        config = getattr(model, "cfg", None)
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    if isinstance(config, dict):
        return config
    parts = [part for part in model._modules.values() if part is not None]
    return _config_of(parts[0]) if len(parts) == 1 else {}      # a wrapper's only part


def _modules_of(model):
    names, modules, aliases = {}, {}, {}
    for name, module in _every_name(model):
        if id(module) in names:
            aliases[name] = names[id(module)]
        else:
            names[id(module)] = name
            modules[name] = {"type": type(module).__name__}
            about = module.extra_repr() if not list(module.children()) else ""
            if about:
                modules[name]["settings"] = about
    return modules, aliases


def _every_name(model, prefix=""):
    # named_modules(remove_duplicate=False) spelled out: older torch does not have it.
    yield prefix, model
    for name, child in model._modules.items():
        if child is not None:
            for found in _every_name(child, prefix + ("." if prefix else "") + name):
                yield found


def _parameters_of(model):
    about = {}
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.device.type == "meta" or tensor.is_complex():
                continue
            wide = tensor.detach().double()
            about[name] = {"shape": list(tensor.shape), "dtype": _DTYPES.get(tensor.dtype, str(tensor.dtype)),
                           "sum": wide.sum().item(), "norm": wide.norm().item()}
    return about


def _versions():
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    if "transformers" in sys.modules:
        versions["transformers"] = getattr(sys.modules["transformers"], "__version__", "")
    return versions
