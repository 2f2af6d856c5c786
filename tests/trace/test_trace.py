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
from trace import MOST_FLOATS, sample, trace  # noqa: E402  (before the standard library's module of that name)

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


class Wrapper(nn.Module):
    """A module that passes on what it gets to its only part."""

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, *args, **kwargs):
        return self.part(*args, **kwargs)


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

    def test_arguments_of_floats_are_seen_where_they_are_small(self):
        class Model(nn.Module):
            def forward(self, input_ids, attention_mask=None, inputs_embeds=None):
                return input_ids * attention_mask

        ids, mask = torch.tensor([[3, 5]]), torch.tensor([[0.0, -torch.inf]])
        large = torch.zeros(MOST_FLOATS + 1)
        metadata, _ = self.record(Model(), lambda m: m(ids, attention_mask=mask, inputs_embeds=large))
        self.assertEqual(json.loads(metadata["inputs"]),
                         [{"arg0": [[3, 5]], "attention_mask": [[0.0, "-Infinity"]]}])

    def test_positional_arguments_have_their_names_and_the_ids_do_not(self):
        class Model(nn.Module):
            def forward(self, input_ids, past_key_values=None, attention_mask=None, labels=None, use_cache=False):
                return input_ids

        ids, mask = torch.tensor([[3, 5]]), torch.tensor([[0, 1]])
        metadata, _ = self.record(Model(), lambda m: m(ids, None, mask, ids, True))
        self.assertEqual(json.loads(metadata["inputs"]),
                         [{"arg0": [[3, 5]], "attention_mask": [[0, 1]], "labels": [[3, 5]]}])
        self.assertEqual(json.loads(metadata["flags"]), [{"use_cache": True}])

    def test_labels_are_not_taken_for_the_ids(self):
        class Model(nn.Module):
            def forward(self, labels=None, ids=None):
                return ids

        ids, labels = torch.tensor([[3, 5]]), torch.tensor([[7, 8]])
        metadata, _ = self.record(Model(), lambda m: m(labels=labels, ids=ids))
        self.assertEqual(json.loads(metadata["steps"]), [[3, 5]])

    def test_the_length_of_the_cache_that_is_an_argument_is_seen(self):
        class Model(nn.Module):
            def forward(self, ids, past_key_values=None):
                return ids

        keys = torch.zeros(1, 2, 4, 8)
        ids = torch.tensor([[3]])
        calls = [lambda m: m(ids), lambda m: m(ids, past_key_values=((keys, keys),)), lambda m: m(ids, ((keys, keys),))]
        for model in (Model(), Wrapper(Model())):
            metadata, _ = self.record(model, *calls)
            self.assertEqual(json.loads(metadata["past"]), [0, 4, 4])
        metadata, _ = self.record(build(), lambda m: m(ids))
        self.assertEqual(json.loads(metadata["past"]), [None])

    def test_the_logits_come_before_the_loss(self):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.part = nn.Identity()

            def forward(self, x):
                return self.part(collections.OrderedDict(loss=x.sum(), logits=x))

        metadata, tensors = self.record(Model(), lambda m: m(torch.ones(1, 2)))
        self.assertEqual(json.loads(metadata["order"]), ["000.part", "000.part:loss", "000.logits", "000.logits:loss"])
        self.assertEqual(tensors["000.logits"].shape, (1, 2))

    def test_metadata_is_json_that_any_parser_reads(self):
        model = nn.Sequential(nn.Linear(2, 2))
        with torch.no_grad():
            model[0].weight[0, 0] = torch.nan
            model[0].bias[0] = torch.inf
        metadata, _ = self.record(model, lambda m: m(torch.ones(1, 2)),
                                  config={"a": float("nan"), "b": [float("-inf")], "c": torch.float32})
        refuse = {"parse_constant": lambda text: self.fail(text + " is not JSON")}
        parameters = json.loads(metadata["parameters"], **refuse)
        self.assertEqual(parameters["0.weight"]["sum"], "NaN")
        self.assertEqual(parameters["0.bias"]["norm"], "Infinity")
        self.assertEqual(json.loads(metadata["config"], **refuse), {"a": "NaN", "b": ["-Infinity"], "c": "torch.float32"})

    def test_a_wrapper_has_the_configuration_and_the_mode_of_its_part(self):
        model = Wrapper(build())
        model.part.config = CONFIG
        model.training = True
        metadata, _ = self.record(model, lambda m: m(torch.tensor([[1]])))
        self.assertEqual(json.loads(metadata["config"]), CONFIG)
        self.assertEqual(metadata["training"], "false")
        metadata, _ = self.record(build().train(), lambda m: m(torch.tensor([[1]])))
        self.assertEqual(metadata["training"], "true")

    def test_a_nonsense_limit_is_refused(self):
        with self.assertRaisesRegex(ValueError, "max_elements"):
            trace(build(), self.path, max_elements=0)


if __name__ == "__main__":
    unittest.main()
