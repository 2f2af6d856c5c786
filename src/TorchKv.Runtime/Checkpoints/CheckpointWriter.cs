using System.Globalization;
using System.Text.Json;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>Writes a folder in the layout of HuggingFace's <c>save_pretrained</c>, which transformers reads.</summary>
public static class CheckpointWriter
{
    /// <summary>The largest shard by default, in bytes: 5 GB.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    private static readonly Dictionary<string, string> s_metadata = new() { ["format"] = "pt" };

    /// <summary>
    /// Writes <c>config.json</c>, <c>generation_config.json</c> and <c>model.safetensors</c>, or shards with an index
    /// where the tensors are larger than <paramref name="maxShardBytes"/>. Weights that the folder held before are
    /// replaced.
    /// </summary>
    /// <param name="directory">The folder; made where it is not there.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="tensors">
    /// The model's parameters, each once, under its canonical name and in its own dtype. Where the configuration ties
    /// the head to the token embedding, <c>lm_head.weight</c> may be among them; HuggingFace then reads a head that is
    /// not tied.
    /// </param>
    /// <param name="maxShardBytes">
    /// The most bytes of tensors in a shard; a larger tensor has a shard of its own.
    /// </param>
    /// <exception cref="ConfigurationException">The configuration cannot be honoured.</exception>
    /// <exception cref="CheckpointException">
    /// A tensor is missing, unexpected or of another shape, or a file cannot be written. Files that were there stay as
    /// they were.
    /// </exception>
    public static void Save(
        string directory, Gpt2Config config, IEnumerable<TensorSource> tensors, long maxShardBytes = DefaultShardBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        config.Validate(directory);
        var ordered = InOrder(directory, config, tensors);
        var shards = Split(ordered, maxShardBytes);
        var written = new List<(AtomicFile File, string Name)>();
        try
        {
            Directory.CreateDirectory(directory);
            var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
            for (var i = 0; i < shards.Count; i++)
            {
                var name = shards.Count == 1
                    ? Checkpoint.SingleFile
                    : string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
                var path = Path.Combine(directory, name);
                written.Add((SafetensorsWriter.Prepare(path, shards[i], s_metadata), path));
                shards[i].ForEach(tensor => map.Add(tensor.Name, name));
            }

            if (shards.Count > 1)
            {
                Prepare(Checkpoint.IndexFile, Index(ordered, map));
            }

            Prepare("config.json", config.ToJson(ordered[0].DType.TorchName()));
            Prepare("generation_config.json", config.ToGenerationJson());
            written.ForEach(file => file.File.Commit());
            RemoveOldWeights(directory, [.. written.Select(file => file.Name)]);
        }
        catch (OutputFileException error)
        {
            throw new CheckpointException(error.Path, null, error.Reason, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(directory, null, $"cannot be written: {error.Message}", error);
        }
        finally
        {
            written.ForEach(file => file.File.Dispose());
        }

        void Prepare(string name, byte[] bytes)
        {
            var path = Path.Combine(directory, name);
            written.Add((AtomicFile.Prepare(path, stream => stream.Write(bytes)), path));
        }
    }

    private static List<TensorSource> InOrder(string directory, Gpt2Config config, IEnumerable<TensorSource> tensors)
    {
        var given = new Dictionary<string, TensorSource>();
        foreach (var tensor in tensors)
        {
            if (!given.TryAdd(tensor.Name, tensor))
            {
                throw new CheckpointException(directory, tensor.Name, "is to be written twice.");
            }
        }

        var ordered = new List<TensorSource>();
        foreach (var (name, shape) in Gpt2Tensors.Parameters(config))
        {
            if (!given.Remove(name, out var tensor))
            {
                throw new CheckpointException(directory, name, "is missing from what is to be written.");
            }

            Check(directory, tensor, shape.AsSpan());
            ordered.Add(tensor);
        }

        // HuggingFace stores a tied head too where it is another tensor than the embedding, and then reads it as not
        // tied.
        if (config.TieWordEmbeddings && given.Remove(Gpt2Tensors.Head, out var head))
        {
            Check(directory, head, [config.VocabSize, config.EmbeddingSize]);
            ordered.Add(head);
        }

        return given.Count == 0
            ? ordered
            : throw new CheckpointException(
                directory, given.Keys.First(), "is no parameter of the GPT-2 that the configuration describes.");
    }

    private static void Check(string directory, TensorSource tensor, ReadOnlySpan<long> shape)
    {
        if (!tensor.Shape.AsSpan().SequenceEqual(shape))
        {
            throw new CheckpointException(
                directory,
                tensor.Name,
                $"has shape [{string.Join(", ", tensor.Shape)}], "
                + $"but the configuration asks for [{string.Join(", ", shape.ToArray())}].");
        }

        if (!FloatConversion.Supports(tensor.DType))
        {
            throw new CheckpointException(
                directory,
                tensor.Name,
                $"has dtype {tensor.DType.SafetensorsName()}; a parameter is F32, F16, BF16 or F64.");
        }
    }

    private static List<List<TensorSource>> Split(List<TensorSource> tensors, long maxShardBytes)
    {
        // As huggingface_hub splits: a tensor that fits no shard has one of its own; the tensors after it still fill
        // the shard begun before.
        var shards = new List<List<TensorSource>>();
        var current = new List<TensorSource>();
        var bytes = 0L;
        foreach (var tensor in tensors)
        {
            if (tensor.ByteCount > maxShardBytes)
            {
                shards.Add([tensor]);
                continue;
            }

            if (tensor.ByteCount > maxShardBytes - bytes)
            {
                shards.Add(current);
                current = [];
                bytes = 0;
            }

            current.Add(tensor);
            bytes += tensor.ByteCount;
        }

        if (current.Count > 0)
        {
            shards.Add(current);
        }

        return shards;
    }

    private static byte[] Index(List<TensorSource> tensors, SortedDictionary<string, string> map)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_parameters", tensors.Sum(tensor => tensor.ElementCount));
            json.WriteNumber("total_size", tensors.Sum(tensor => tensor.ByteCount));
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach (var (tensor, shard) in map)
            {
                json.WriteString(tensor, shard);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        bytes.WriteByte((byte)'\n');
        return bytes.ToArray();
    }

    /// <summary>
    /// Deletes weights that were saved here in other files; they could be read instead of the new ones.
    /// </summary>
    private static void RemoveOldWeights(string directory, HashSet<string> current)
    {
        string[] old =
        [
            Path.Combine(directory, Checkpoint.SingleFile),
            Path.Combine(directory, Checkpoint.IndexFile),
            .. Directory.EnumerateFiles(directory, "model-?????-of-?????.safetensors"),
        ];
        foreach (var file in old.Where(file => !current.Contains(file)))
        {
            File.Delete(file);
        }
    }
}
