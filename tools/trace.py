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
    `STEP.logits`        the output of the model itself (another name with root="...")
    `STEP.MODULE#2`      the second call of the same module within the step
    `STEP.MODULE:PART`   further tensors of an output that is a tuple, a list, a dict or a cache;
                         the first tensor of the output has the plain key
    metadata             order (keys as the modules finish, children before parents), steps (the ids fed),
                         inputs (every integer or boolean argument), config, seed, training, modules (class and
                         settings of each), parameters (shape, sum and norm of each), aliases (names of modules
                         that are shared), sampled (full shapes), versions

Each step is one call of the model. A second call starts a new step by itself, so that `model.generate(...)` can be
traced too; `next_step()` says the same by hand, for a model whose parts are called one by one.

`max_elements=N` keeps at most about N numbers of a tensor, always the same ones for the same shape: with R rows (all
dimensions but the last) of C columns, the columns floor(j * C / K) for j < K = min(C, max(1, N // R)), of every row,
or, if R > N, of the rows floor(i * R / N) for i < N.

Tensors are written as they come: memory holds one module's output at a time. The file appears under its name when the
block ends without an exception; otherwise nothing is left behind.
"""

import ctypes
import json
import os
import platform
import shutil
import struct
import sys

import torch

FORMAT = "torchkv-trace/1"

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
        seen, ids = {}, None
        named = [("arg%d" % i, value) for i, value in enumerate(args)] + list(kwargs.items())
        for name, value in named:
            if torch.is_tensor(value) and not value.is_floating_point() and not value.is_complex():
                seen[name] = value.tolist()
                if name == "input_ids" or (ids is None and value.dtype in (torch.int64, torch.int32)
                                           and name not in ("attention_mask", "position_ids", "token_type_ids")):
                    ids = seen[name]
        while len(self._steps) <= self._step:
            self._steps.append(None)
            self._inputs.append({})
        # One row is kept flat.
        flat = isinstance(ids, list) and len(ids) == 1 and isinstance(ids[0], list)
        self._steps[self._step] = ids[0] if flat else ids
        self._inputs[self._step] = seen

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
            "order": json.dumps(self._order),
            "steps": json.dumps(self._steps),
            "inputs": json.dumps(self._inputs),
            "config": json.dumps(self._config, default=str),
            "seed": str(self._seed),
            "training": "true" if self.model.training else "false",
            "modules": json.dumps(self._modules),
            "parameters": json.dumps(self._parameters),
            "aliases": json.dumps(self._aliases),
            "sampled": json.dumps(self._sampled),
            "max_elements": str(self.max_elements or 0),
            "skipped": json.dumps(self._skipped),
            "versions": json.dumps(_versions()),
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
        for name, item in output.items():
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


def _config_of(model):
    config = getattr(model, "config", None)
    if config is None:
        config = getattr(model, "cfg", None)
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    return config if isinstance(config, dict) else {}


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
