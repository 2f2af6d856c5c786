"""Tests of tools/trace.py. Run: python3 tests/trace/test_trace.py"""

import collections
import json
import os
import struct
import sys
import tempfile
import unittest

import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools")]

from article_model import CONFIG, build  # noqa: E402
from trace import sample, trace  # noqa: E402  (before the standard library's module of that name)

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def load(path):
    """(metadata, {key: tensor}) of a safetensors file, checking that the tensors fill the file without a gap."""
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    tensors, end = {}, 0
    for key, about in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = about["data_offsets"]
        assert begin == end, "gap before " + key
        end = stop
        raw = bytearray(data[8 + size + begin:8 + size + stop])
        empty = torch.empty(0, dtype=DTYPES[about["dtype"]])
        tensors[key] = (torch.frombuffer(raw, dtype=DTYPES[about["dtype"]]) if raw else empty).reshape(about["shape"])
    assert 8 + size + end == len(data)
    assert all(isinstance(value, str) for value in metadata.values())
    return metadata, tensors


class TraceTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "run.safetensors")

    def tearDown(self):
        self.folder.cleanup()

    def record(self, model, *calls, **options):
        with trace(model, self.path, **options) as t, torch.no_grad():
            for call in calls:
                call(model)
                t.next_step()
        self.assertEqual(os.listdir(self.folder.name), ["run.safetensors"])
        return load(self.path)

    def test_the_cached_model_is_recorded_step_by_step_with_children_before_parents(self):
        prompt, token = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[5]])
        metadata, tensors = self.record(build(), lambda m: m(prompt, use_cache=True), lambda m: m(token, True),
                                        config=CONFIG, seed=123)
        order = json.loads(metadata["order"])
        self.assertEqual(sorted(order), sorted(tensors))
        self.assertEqual(order[:6], ["000.tok_emb", "000.pos_emb", "000.drop_emb", "000.trf_blocks.0.norm1",
                                     "000.trf_blocks.0.att.W_key", "000.trf_blocks.0.att.W_value"])
        self.assertEqual(order[-1], "001.logits")
        place = {key: i for i, key in enumerate(order)}
        for key in order:
            parent = key.rsplit(".", 1)[0]
            if parent in place:
                self.assertLess(place[key], place[parent])
        self.assertEqual(json.loads(metadata["steps"]), [[1, 2, 3, 4], [5]])
        self.assertEqual(json.loads(metadata["inputs"])[0], {"arg0": [[1, 2, 3, 4]]})
        self.assertEqual(json.loads(metadata["config"]), CONFIG)
        self.assertEqual((metadata["seed"], metadata["training"]), ("123", "false"))
        self.assertEqual(tensors["001.trf_blocks.1.att.dropout"].shape, (1, 3, 1, 5))
        again = build()
        self.assertTrue(torch.equal(tensors["000.logits"], again(prompt, True)))
        self.assertTrue(torch.equal(tensors["001.logits"], again(token, True)))

    def test_a_module_called_twice_in_a_step_has_numbered_calls(self):
        _, tensors = self.record(build(), lambda m: m(torch.tensor([[1, 2]])))
        self.assertTrue(torch.equal(tensors["000.trf_blocks.0.drop_shortcut"], tensors["000.trf_blocks.0.att"]))
        self.assertTrue(torch.equal(tensors["000.trf_blocks.0.drop_shortcut#2"], tensors["000.trf_blocks.0.ff"]))

    def test_calls_without_next_step_are_steps_too(self):
        model = build()
        with trace(model, self.path), torch.no_grad():
            model(torch.tensor([[1, 2]]), True)
            model(torch.tensor([[3]]), True)
        metadata, tensors = load(self.path)
        self.assertEqual(json.loads(metadata["steps"]), [[1, 2], [3]])
        self.assertEqual(tensors["001.tok_emb"].shape, (1, 1, 24))

    def test_a_model_that_is_called_by_forward_has_its_output_too(self):
        _, tensors = self.record(build(), lambda m: m.forward(torch.tensor([[1, 2]])))
        self.assertEqual(tensors["000.logits"].shape, (1, 2, 67))

    def test_batches_keep_their_rows(self):
        metadata, _ = self.record(build(), lambda m: m(torch.tensor([[1, 2], [3, 4]])))
        self.assertEqual(json.loads(metadata["steps"]), [[[1, 2], [3, 4]]])

    def test_keyword_arguments_and_masks_are_seen(self):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.wte = nn.Embedding(9, 4)

            def forward(self, attention_mask=None, input_ids=None):
                return self.wte(input_ids) * attention_mask[..., None]

        ids, mask = torch.tensor([[0, 5]]), torch.tensor([[0, 1]])
        metadata, _ = self.record(Model(), lambda m: m(attention_mask=mask, input_ids=ids))
        self.assertEqual(json.loads(metadata["steps"]), [[0, 5]])
        self.assertEqual(json.loads(metadata["inputs"]), [{"attention_mask": [[0, 1]], "input_ids": [[0, 5]]}])

    def test_tuples_model_outputs_and_caches_are_kept_in_parts(self):
        class Cache:
            def __init__(self):
                self.key_cache, self.value_cache = [], []

        class Layer(nn.Module):
            def forward(self, x, cache):
                cache.key_cache.append(x + 1)
                cache.value_cache.append(x + 2)
                return x * 2, (x + 1, x + 2), None

        class Output(collections.OrderedDict):
            pass

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.config = {"n_layer": 2}
                self.h = nn.ModuleList([Layer(), Layer()])

            def forward(self, x):
                cache = Cache()
                for layer in self.h:
                    x = layer(x, cache)[0]
                return Output(loss=None, logits=x, past_key_values=cache, hidden_states=(x, x))

        metadata, tensors = self.record(Model(), lambda m: m(torch.ones(1, 2)))
        self.assertEqual(json.loads(metadata["order"]), [
            "000.h.0", "000.h.0:1.0", "000.h.0:1.1", "000.h.1", "000.h.1:1.0", "000.h.1:1.1",
            "000.logits", "000.logits:past_key_values.0.k", "000.logits:past_key_values.0.v",
            "000.logits:past_key_values.1.k", "000.logits:past_key_values.1.v",
            "000.logits:hidden_states.0", "000.logits:hidden_states.1"])
        self.assertEqual(json.loads(metadata["config"]), {"n_layer": 2})
        self.assertTrue(torch.equal(tensors["000.logits:past_key_values.1.v"], torch.full((1, 2), 4.0)))

    def test_shared_modules_have_one_name_and_an_alias(self):
        model = nn.Sequential()
        model.add_module("a", nn.Linear(3, 3))
        model.add_module("b", model.a)
        metadata, tensors = self.record(model, lambda m: m(torch.ones(1, 3)))
        self.assertEqual(json.loads(metadata["aliases"]), {"b": "a"})
        self.assertEqual(sorted(tensors), ["000.a", "000.a#2", "000.logits"])

    def test_half_and_bfloat16_keep_their_type_and_bits(self):
        for dtype, name in ((torch.float16, "F16"), (torch.bfloat16, "BF16")):
            model = nn.Sequential(nn.Identity())
            value = torch.tensor([[1.5, -3.14159, 65000.0]]).to(dtype)
            _, tensors = self.record(model, lambda m: m(value))
            self.assertTrue(torch.equal(tensors["000.0"], value), name)

    def test_what_a_module_returned_is_kept_although_it_is_changed_in_place_afterwards(self):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.part = nn.Identity()

            def forward(self, x):
                return self.part(x + 0).add_(1).t()

        _, tensors = self.record(Model(), lambda m: m(torch.zeros(2, 3)))
        self.assertTrue(torch.equal(tensors["000.part"], torch.zeros(2, 3)))
        self.assertTrue(torch.equal(tensors["000.logits"], torch.ones(3, 2)))

    def test_an_exception_leaves_no_file_no_hook_and_the_old_file(self):
        model = build()
        with open(self.path, "w") as file:
            file.write("before")
        with self.assertRaisesRegex(ValueError, "mine"):
            with trace(model, self.path):
                model(torch.tensor([[1]]))
                raise ValueError("mine")
        with open(self.path) as file:
            self.assertEqual(file.read(), "before")
        self.assertEqual(os.listdir(self.folder.name), ["run.safetensors"])
        self.assertNotIn("forward", model.__dict__)
        self.assertTrue(all(not module._forward_hooks for module in model.modules()))

    def test_large_tensors_are_sampled_at_fixed_positions(self):
        x = torch.arange(60.0).reshape(3, 20)
        self.assertTrue(torch.equal(sample(x, 12), x[:, [0, 5, 10, 15]]))
        self.assertTrue(torch.equal(sample(x, 2), x[[0, 1]][:, [0]]))
        metadata, tensors = self.record(nn.Sequential(nn.Identity()), lambda m: m(x), max_elements=12)
        self.assertTrue(torch.equal(tensors["000.logits"], x[:, [0, 5, 10, 15]]))
        self.assertEqual(json.loads(metadata["sampled"]), {"000.0": [3, 20], "000.logits": [3, 20]})

    def test_parameters_and_modules_are_described(self):
        metadata, _ = self.record(build(), lambda m: m(torch.tensor([[1]])))
        about = json.loads(metadata["parameters"])["trf_blocks.0.norm1.scale"]
        self.assertEqual((about["shape"], about["sum"]), ([24], 24.0))
        self.assertEqual(json.loads(metadata["modules"])["trf_blocks.0.att.W_key"]["type"], "Linear")

    def test_only_the_modules_that_were_asked_for(self):
        _, tensors = self.record(build(), lambda m: m(torch.tensor([[1]])), only=lambda name: name.endswith("att"))
        self.assertEqual(sorted(tensors), ["000.logits", "000.trf_blocks.0.att", "000.trf_blocks.1.att"])

    def test_a_nonsense_limit_is_refused(self):
        with self.assertRaisesRegex(ValueError, "max_elements"):
            trace(build(), self.path, max_elements=0)


if __name__ == "__main__":
    unittest.main()
