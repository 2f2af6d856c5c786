using System.Diagnostics.CodeAnalysis;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// A GPT-2 checkpoint in HuggingFace's layout, open for reading: <c>config.json</c> and <c>model.safetensors</c>, or shards
/// with <c>model.safetensors.index.json</c>. Every tensor that the configuration asks for is there, once, in its shape.
/// </summary>
/// <remarks>
/// Names with and without <c>transformer.</c> are the same tensors; stored mask buffers are skipped. A tied head
/// (<c>tie_word_embeddings</c>) behaves as in transformers 5: where the file holds a head that differs from the token embedding,
/// the head is not tied (and <see cref="Config"/> says so); where it holds the head alone, that is the token embedding.
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    internal const string SingleFile = "model.safetensors";
    internal const string IndexFile = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> files = [];
    private readonly Dictionary<string, CheckpointTensor> byName = [];
    private readonly List<CheckpointTensor> tensors = [];

    private Checkpoint(string directory, Gpt2Config config)
    {
        Directory = directory;
        Config = config;
    }

    /// <summary>The folder.</summary>
    public string Directory { get; }

    /// <summary>The model's shape.</summary>
    public Gpt2Config Config { get; private set; }

    /// <summary>The parameters under their canonical names, in the order of <see cref="Gpt2Tensors.Parameters"/>.</summary>
    public IReadOnlyList<CheckpointTensor> Tensors => tensors;

    /// <summary>The files that hold them.</summary>
    public IReadOnlyList<SafetensorsFile> Files => files;

    /// <summary>The dtype of the token embedding, which stands for the file's.</summary>
    public TensorDType DType => this[Gpt2Tensors.TokenEmbedding].DType;

    /// <summary>Bytes of all parameters in the files.</summary>
    public long ByteCount => tensors.Sum(tensor => tensor.ByteCount);

    /// <summary>A parameter by its name, with or without <c>transformer.</c>; <c>lm_head.weight</c> of a tied head is the token embedding.</summary>
    /// <exception cref="CheckpointException">The model has no such parameter.</exception>
    public CheckpointTensor this[string name] =>
        TryGet(name, out var tensor) ? tensor : throw new CheckpointException(Directory, name, "is no parameter of this model.");

    /// <summary>A parameter by its name, if the model has it; see the indexer.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out CheckpointTensor? tensor)
    {
        var canonical = name == Gpt2Tensors.Head && Config.TieWordEmbeddings ? Gpt2Tensors.TokenEmbedding : Gpt2Tensors.Canonical(name);
        return byName.TryGetValue(canonical, out tensor);
    }

    /// <summary>Opens a folder and checks names, shapes and dtypes against its configuration; data is not read.</summary>
    /// <exception cref="ConfigurationException">The configuration is missing or cannot be honoured.</exception>
    /// <exception cref="CheckpointException">A file is missing, is no valid safetensors file, or does not hold what the configuration asks for.</exception>
    public static Checkpoint Open(string directory)
    {
        var checkpoint = new Checkpoint(directory, Gpt2Config.Load(directory));
        try
        {
            checkpoint.OpenFiles();
            checkpoint.ResolveHead();
            checkpoint.CheckParameters();
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
        foreach (var file in files)
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
            files.Add(SafetensorsFile.Open(single));
            foreach (var tensor in files[0].Tensors)
            {
                Add(tensor);
            }

            return;
        }

        if (File.Exists(index))
        {
            OpenShards(index);
            return;
        }

        var pickle = File.Exists(Path.Combine(Directory, "pytorch_model.bin"));
        throw new CheckpointException(
            single,
            null,
            pickle
                ? "there is no such file. pytorch_model.bin is not read: it is a program; save the model with safe_serialization=True."
                : "there is no such file, and no model.safetensors.index.json beside it.");
    }

    private void OpenShards(string index)
    {
        var map = ShardIndex.Read(index);
        if (map.Count == 0)
        {
            throw new CheckpointException(index, null, "weight_map is empty.");
        }

        foreach (var shard in map.Values.Distinct().Order(StringComparer.Ordinal))
        {
            var file = SafetensorsFile.Open(Path.Combine(Directory, shard));
            files.Add(file);
            foreach (var tensor in file.Tensors)
            {
                if (!map.TryGetValue(tensor.Name, out var home))
                {
                    throw new CheckpointException(file.Path, tensor.Name, "is not in model.safetensors.index.json.");
                }

                if (home != shard)
                {
                    throw new CheckpointException(file.Path, tensor.Name, $"lies in {home} by model.safetensors.index.json, and in this file too.");
                }

                Add(tensor);
            }
        }

        foreach (var (name, shard) in map)
        {
            var canonical = Gpt2Tensors.Canonical(name);
            if (!Gpt2Tensors.IsMaskBuffer(canonical) && !byName.ContainsKey(canonical))
            {
                throw new CheckpointException(Path.Combine(Directory, shard), name, "is missing, though model.safetensors.index.json puts it here.");
            }
        }
    }

    private void Add(CheckpointTensor tensor)
    {
        var canonical = Gpt2Tensors.Canonical(tensor.Name);
        if (!Gpt2Tensors.IsMaskBuffer(canonical) && !byName.TryAdd(canonical, tensor.Named(canonical)))
        {
            throw new CheckpointException(tensor.FilePath, tensor.Name, $"is there twice, as {byName[canonical].FileName} too.");
        }
    }

    private void ResolveHead()
    {
        if (!Config.TieWordEmbeddings || !byName.TryGetValue(Gpt2Tensors.Head, out var head))
        {
            return;
        }

        if (!byName.TryGetValue(Gpt2Tensors.TokenEmbedding, out var embedding))
        {
            byName.Add(Gpt2Tensors.TokenEmbedding, head.Named(Gpt2Tensors.TokenEmbedding));
            byName.Remove(Gpt2Tensors.Head);
        }
        else if (SameData(embedding, head))
        {
            byName.Remove(Gpt2Tensors.Head);
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
            if (!byName.TryGetValue(name, out var tensor))
            {
                throw new CheckpointException(files[0].Path, name, files.Count == 1 ? "is missing." : "is missing, here and in the other shards.");
            }

            if (!tensor.Shape.AsSpan().SequenceEqual(shape.AsSpan()))
            {
                throw new CheckpointException(
                    tensor.FilePath,
                    tensor.FileName,
                    $"has shape [{string.Join(", ", tensor.Shape)}], but config.json asks for [{string.Join(", ", shape)}].");
            }

            if (!FloatConversion.Supports(tensor.DType))
            {
                throw new CheckpointException(
                    tensor.FilePath,
                    tensor.FileName,
                    $"has dtype {tensor.DType.SafetensorsName()}; a parameter is F32, F16, BF16 or F64.");
            }

            tensors.Add(tensor);
        }

        if (tensors.Count == byName.Count)
        {
            return;
        }

        var wanted = tensors.Select(tensor => tensor.Name).ToHashSet();
        var extra = byName.Values.First(tensor => !wanted.Contains(tensor.Name));
        throw new CheckpointException(extra.FilePath, extra.FileName, "is no parameter of the GPT-2 that config.json describes.");
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
