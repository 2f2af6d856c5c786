using System.Diagnostics.CodeAnalysis;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// A GPT-2 checkpoint in HuggingFace's layout, open for reading: <c>config.json</c> and <c>model.safetensors</c>, or
/// shards with <c>model.safetensors.index.json</c>. Every tensor that the configuration asks for is there, once, in its
/// shape.
/// </summary>
/// <remarks>
/// Names with and without <c>transformer.</c> are the same tensors. Stored mask buffers are skipped, and so are the
/// tensors of other heads and of cross-attention, with a warning (<see cref="Warnings"/>). A tied head
/// (<c>tie_word_embeddings</c>) behaves as in transformers 5: where the file holds a head that differs from the token
/// embedding, the head is not tied, and <see cref="Config"/> says so; where the file holds the head alone, the head is
/// the token embedding.
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    internal const string SingleFile = "model.safetensors";
    internal const string IndexFile = "model.safetensors.index.json";

    // A warning names at most so many tensors.
    private const int MostNames = 100;

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, CheckpointTensor> _byName = [];
    private readonly List<CheckpointTensor> _tensors = [];
    private readonly List<string> _ignored = [];
    private readonly List<string> _warnings = [];

    private Checkpoint(string directory, Gpt2Config config)
    {
        Directory = directory;
        Config = config;
    }

    /// <summary>The folder.</summary>
    public string Directory { get; }

    /// <summary>The model's shape.</summary>
    public Gpt2Config Config { get; private set; }

    /// <summary>The parameters under their canonical names (<c>transformer.…</c>), in the model's order.</summary>
    public IReadOnlyList<CheckpointTensor> Tensors => _tensors;

    /// <summary>
    /// Sentences for the user about a checkpoint that can be used, such as which tensors were skipped; often empty.
    /// </summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>The dtype of the token embedding, which stands for the checkpoint's.</summary>
    public TensorDType DType => this[Gpt2Tensors.TokenEmbedding].DType;

    /// <summary>Bytes of all parameters in the files.</summary>
    public long ByteCount => _tensors.Sum(tensor => tensor.ByteCount);

    /// <summary>The files that hold the tensors.</summary>
    internal IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>
    /// A parameter by its name, with or without <c>transformer.</c>; <c>lm_head.weight</c> of a tied head is the token
    /// embedding.
    /// </summary>
    /// <exception cref="CheckpointException">The model has no such parameter.</exception>
    public CheckpointTensor this[string name] =>
        TryGet(name, out var tensor)
            ? tensor
            : throw new CheckpointException(Directory, name, "is no parameter of this model.");

    /// <summary>A parameter by its name, if the model has it; see the indexer.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out CheckpointTensor? tensor)
    {
        var canonical = name == Gpt2Tensors.Head && Config.TieWordEmbeddings
            ? Gpt2Tensors.TokenEmbedding
            : Gpt2Tensors.Canonical(name);
        return _byName.TryGetValue(canonical, out tensor);
    }

    /// <summary>
    /// Opens a folder and checks names, shapes and dtypes against its configuration; data is not read.
    /// </summary>
    /// <exception cref="ConfigurationException">The configuration is missing or cannot be honoured.</exception>
    /// <exception cref="CheckpointException">
    /// A file is missing, is no valid safetensors file, or does not hold what the configuration asks for.
    /// </exception>
    public static Checkpoint Open(string directory)
    {
        var checkpoint = new Checkpoint(directory, Gpt2Config.Load(directory));
        try
        {
            checkpoint.OpenFiles();
            checkpoint.ResolveHead();
            checkpoint.CheckParameters();
            checkpoint.WarnOfIgnored();
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Closes the files. Spans and pointers into them end here.</summary>
    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    private void OpenFiles()
    {
        var single = Path.Combine(Directory, SingleFile);
        var index = Path.Combine(Directory, IndexFile);
        if (File.Exists(single))
        {
            _files.Add(SafetensorsFile.Open(single));
            foreach (var tensor in _files[0].Tensors)
            {
                Add(tensor);
            }
        }
        else if (File.Exists(index))
        {
            OpenShards(index);
        }
        else
        {
            throw new CheckpointException(single, null, OtherFormat() is { } other
                ? $"there is no such file. {other} is not read (a pickled file can run code): "
                    + "save the model with safe_serialization=True."
                : "there is no such file, and no model.safetensors.index.json.");
        }
    }

    /// <summary>Weights in a format that is not read, whole or sharded; null where there are none.</summary>
    private string? OtherFormat()
    {
        string[] patterns =
        [
            "pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model*.bin", "pytorch_model*.pt",
            "tf_model*.h5", "flax_model*.msgpack", "model.ckpt*", "*.gguf",
        ];
        try
        {
            return patterns
                .SelectMany(pattern => System.IO.Directory.GetFiles(Directory, pattern).Order(StringComparer.Ordinal))
                .Select(Path.GetFileName)
                .FirstOrDefault();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void OpenShards(string index)
    {
        var map = ShardIndex.Read(index);
        if (map.Count == 0)
        {
            throw new CheckpointException(index, null, "weight_map is empty.");
        }

        var found = new HashSet<string>();
        foreach (var shard in map.Values.Distinct().Order(StringComparer.Ordinal))
        {
            var file = SafetensorsFile.Open(Path.Combine(Directory, shard));
            _files.Add(file);
            foreach (var tensor in file.Tensors)
            {
                if (!map.TryGetValue(tensor.Name, out var home))
                {
                    throw new CheckpointException(file.Path, tensor.Name, "is not in model.safetensors.index.json.");
                }

                if (home != shard)
                {
                    throw new CheckpointException(
                        file.Path,
                        tensor.Name,
                        $"lies in {home} by model.safetensors.index.json, and in this file too.");
                }

                found.Add(tensor.Name);
                Add(tensor);
            }
        }

        foreach (var (name, shard) in map)
        {
            var isNeeded = !Gpt2Tensors.IsMaskBuffer(Gpt2Tensors.Canonical(name)) && !Gpt2Tensors.IsIgnored(name);
            if (isNeeded && !found.Contains(name))
            {
                throw new CheckpointException(
                    Path.Combine(Directory, shard),
                    name,
                    "is missing, though model.safetensors.index.json puts it here.");
            }
        }
    }

    private void Add(CheckpointTensor tensor)
    {
        var canonical = Gpt2Tensors.Canonical(tensor.Name);
        if (Gpt2Tensors.IsMaskBuffer(canonical))
        {
            return;
        }

        if (Gpt2Tensors.IsIgnored(tensor.Name))
        {
            _ignored.Add(tensor.Name);
        }
        else if (!_byName.TryAdd(canonical, tensor.Named(canonical)))
        {
            throw new CheckpointException(
                tensor.FilePath, tensor.Name, $"is there twice, as {_byName[canonical].FileName} too.");
        }
    }

    private void ResolveHead()
    {
        if (!Config.TieWordEmbeddings || !_byName.TryGetValue(Gpt2Tensors.Head, out var head))
        {
            return;
        }

        if (!_byName.TryGetValue(Gpt2Tensors.TokenEmbedding, out var embedding))
        {
            _byName.Add(Gpt2Tensors.TokenEmbedding, head.Named(Gpt2Tensors.TokenEmbedding));
            _byName.Remove(Gpt2Tensors.Head);
        }
        else if (SameData(embedding, head))
        {
            _byName.Remove(Gpt2Tensors.Head);
        }
        else
        {
            Config = Config with { TieWordEmbeddings = false };
        }
    }

    private void CheckParameters()
    {
        foreach (var (name, shape) in Gpt2Tensors.Parameters(Config))
        {
            if (!_byName.TryGetValue(name, out var tensor))
            {
                throw Missing(name);
            }

            if (!tensor.Shape.AsSpan().SequenceEqual(shape.AsSpan()))
            {
                throw new CheckpointException(
                    tensor.FilePath,
                    tensor.FileName,
                    $"has shape [{string.Join(", ", tensor.Shape)}], "
                    + $"but config.json asks for [{string.Join(", ", shape)}].");
            }

            if (!FloatConversion.Supports(tensor.DType))
            {
                throw new CheckpointException(
                    tensor.FilePath,
                    tensor.FileName,
                    $"has dtype {tensor.DType.SafetensorsName()}; a parameter is F32, F16, BF16 or F64.");
            }

            _tensors.Add(tensor);
        }

        if (_tensors.Count == _byName.Count)
        {
            return;
        }

        var wanted = _tensors.Select(tensor => tensor.Name).ToHashSet();
        var extra = _byName.Values.First(tensor => !wanted.Contains(tensor.Name));
        throw new CheckpointException(
            extra.FilePath, extra.FileName, "is no parameter of the GPT-2 that config.json describes.");
    }

    private CheckpointException Missing(string name)
    {
        var reason = _files.Count == 1 ? "is missing" : "is missing, here and in the other shards";
        return new CheckpointException(
            _files[0].Path,
            name,
            _ignored.Find(other => other.EndsWith("." + name, StringComparison.Ordinal)) is { } wrapped
                ? $"{reason}; the file has {wrapped}. Save the model itself, without what is wrapped around it."
                : reason + ".");
    }

    private void WarnOfIgnored()
    {
        if (_ignored.Count > 0)
        {
            var names = string.Join(", ", _ignored.Take(MostNames).Select(CheckpointException.Shorten));
            var more = _ignored.Count > MostNames ? $" and {_ignored.Count - MostNames:N0} more" : "";
            _warnings.Add(
                $"{Directory}: {_ignored.Count:N0} tensors that GPT-2's language model does not have are skipped, "
                + $"as HuggingFace skips them: {names}{more}.");
        }
    }

    private static bool SameData(CheckpointTensor a, CheckpointTensor b)
    {
        if (a.DType != b.DType || !a.Shape.AsSpan().SequenceEqual(b.Shape.AsSpan()))
        {
            return false;
        }

        const int chunk = 16 * 1024;
        Span<byte> left = stackalloc byte[chunk], right = stackalloc byte[chunk];
        for (var start = 0L; start < a.ByteCount; start += chunk)
        {
            var count = (int)Math.Min(chunk, a.ByteCount - start);
            a.ReadBytes(left[..count], start);
            b.ReadBytes(right[..count], start);
            if (!left[..count].SequenceEqual(right[..count]))
            {
                return false;
            }
        }

        return true;
    }
}
