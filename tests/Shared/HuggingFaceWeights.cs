using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TorchKv.TestSupport;

/// <summary>
/// Makes the model files under tests/fixtures/hf, which are not kept in the repository: HuggingFace drew their weights
/// after <c>torch.manual_seed</c>, and <see cref="PyTorchRandom"/> draws the same. weights.json has seeds and digests.
/// </summary>
internal static class HuggingFaceWeights
{
    /// <summary>Writes the files that are missing.</summary>
    /// <param name="folder">tests/fixtures/hf.</param>
    /// <exception cref="InvalidDataException">A file would not have its SHA-256 of weights.json.</exception>
    public static void WriteMissing(string folder)
    {
        using var cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "weights.json")));
        foreach (var model in cases.RootElement.EnumerateObject())
        {
            var digests = model.Value.GetProperty("sha256").EnumerateObject()
                .ToDictionary(file => Path.Combine(folder, model.Name, file.Name), file => file.Value.GetString());
            if (digests.Keys.All(File.Exists))
            {
                continue;
            }

            var seed = model.Value.GetProperty("seed").GetUInt32();
            foreach (var (path, bytes) in Files(Path.Combine(folder, model.Name), seed))
            {
                if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != digests[path])
                {
                    throw new InvalidDataException($"{path}: the formula gives other bytes than HuggingFace wrote.");
                }

                // Test programs run side by side: whoever reads a file finds all of it.
                var temporary = Path.Combine(folder, Path.GetRandomFileName() + ".tmp");
                File.WriteAllBytes(temporary, bytes);
                File.Move(temporary, path, overwrite: true);
            }
        }
    }

    /// <summary>The files of one model, as <c>save_pretrained</c> writes them.</summary>
    public static IEnumerable<(string Path, byte[] Bytes)> Files(string folder, uint seed)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        var tensors = Draw(config.RootElement, seed).OrderBy(tensor => tensor.Name, StringComparer.Ordinal);
        var dtype = config.RootElement.TryGetProperty("dtype", out var stored) ? stored.GetString()! : "float32";
        var index = Path.Combine(folder, "model.safetensors.index.json");
        if (!File.Exists(index))
        {
            return [(Path.Combine(folder, "model.safetensors"), Safetensors(tensors, dtype))];
        }

        using var shards = JsonDocument.Parse(File.ReadAllBytes(index));
        var map = shards.RootElement.GetProperty("weight_map");
        return [.. tensors.GroupBy(tensor => map.GetProperty(tensor.Name).GetString()!)
            .Select(shard => (Path.Combine(folder, shard.Key), Safetensors(shard, dtype)))];
    }

    // In the order in which GPT2LMHeadModel draws: every module when it is made, then all matrices again with the
    // configuration's spread, a projection onto the residual twice. Whoever made the fixtures added noise of 0.1 to the
    // vectors, which would be zeros and ones.
    private static IEnumerable<(string Name, int[] Shape, float[] Values)> Draw(JsonElement config, uint seed)
    {
        int Number(string name) => config.GetProperty(name).GetInt32();
        var (width, layers, positions) = (Number("n_embd"), Number("n_layer"), Number("n_positions"));
        var inner = config.GetProperty("n_inner").ValueKind == JsonValueKind.Null ? 4 * width : Number("n_inner");
        var spread = config.GetProperty("initializer_range").GetDouble();
        var bare = !config.TryGetProperty("architectures", out _);
        var prefix = bare ? "" : "transformer.";
        var random = new PyTorchRandom(seed);

        (string Name, int[] Shape, float[] Values) Weight(string name, int rows, int columns, double std)
            => (name, [rows, columns], random.Normal(rows * columns, (float)std));

        var vocabulary = Number("vocab_size") * width;
        random.Skip(vocabulary + (positions * width) + (layers * ((4 * width * width) + (2 * width * inner))));
        yield return Weight(prefix + "wte.weight", vocabulary / width, width, spread);
        yield return Weight(prefix + "wpe.weight", positions, width, spread);
        for (var layer = 0; layer < layers; layer++)
        {
            var h = $"{prefix}h.{layer}.";
            yield return Weight(h + "attn.c_attn.weight", width, 3 * width, spread);
            random.Skip(width * width);
            yield return Weight(h + "attn.c_proj.weight", width, width, spread / Math.Sqrt(2 * layers));
            yield return Weight(h + "mlp.c_fc.weight", width, inner, spread);
            random.Skip(inner * width);
            yield return Weight(h + "mlp.c_proj.weight", inner, width, spread / Math.Sqrt(2 * layers));
        }

        random.Skip(vocabulary);
        var head = Weight("lm_head.weight", vocabulary / width, width, spread);
        if (!config.GetProperty("tie_word_embeddings").GetBoolean())
        {
            yield return head;
        }

        (string Name, int Size)[] vectors =
        [
            ("ln_1.weight", width), ("ln_1.bias", width), ("attn.c_attn.bias", 3 * width), ("attn.c_proj.bias", width),
            ("ln_2.weight", width), ("ln_2.bias", width), ("mlp.c_fc.bias", inner), ("mlp.c_proj.bias", width),
        ];
        foreach (var (name, size) in Enumerable.Range(0, layers)
            .SelectMany(layer => vectors.Select(vector => ($"h.{layer}.{vector.Name}", vector.Size)))
            .Concat([("ln_f.weight", width), ("ln_f.bias", width)]))
        {
            var one = name.Contains("ln_") && name.EndsWith("weight") ? 1f : 0f;
            yield return (prefix + name, [size], [.. random.Normal(size, 0.1f).Select(noise => one + noise)]);
        }

        for (var layer = 0; bare && layer < layers; layer++)
        {
            // An old checkpoint's causal mask
            var mask = Enumerable.Range(0, positions * positions).Select(i => i % positions <= i / positions ? 1f : 0f);
            yield return ($"h.{layer}.attn.bias", [1, 1, positions, positions], [.. mask]);
        }
    }

    private static byte[] Safetensors(IEnumerable<(string Name, int[] Shape, float[] Values)> tensors, string dtype)
    {
        var (code, size) = dtype switch { "float32" => ("F32", 4), "float16" => ("F16", 2), _ => ("BF16", 2) };
        var header = """{"__metadata__":{"format":"pt"}""";
        using var data = new MemoryStream();
        foreach (var (name, shape, values) in tensors)
        {
            var (start, end) = (data.Length, data.Length + (size * values.Length));
            header += $",\"{name}\":{{\"dtype\":\"{code}\",\"shape\":[{string.Join(',', shape)}],"
                + $"\"data_offsets\":[{start},{end}]}}";
            foreach (var value in values)
            {
                data.Write(code switch
                {
                    "F32" => BitConverter.GetBytes(value),
                    "F16" => BitConverter.GetBytes((Half)value),
                    _ => BitConverter.GetBytes(BFloat16(value)),
                });
            }
        }

        header = (header + "}").PadRight((header.Length + 8) / 8 * 8);
        return [.. BitConverter.GetBytes((long)header.Length), .. Encoding.ASCII.GetBytes(header), .. data.ToArray()];
    }

    // Rounded to the nearest, halves to even
    private static ushort BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
