using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Benchmarks.Peers;

/// <summary>One model in the forms that each side reads, made on the spot and kept for the next run.</summary>
internal sealed class PeerFiles
{
    private readonly string _name;

    /// <param name="checkpoint">A folder in HuggingFace's layout.</param>
    /// <param name="folder">Where the other forms are made.</param>
    public PeerFiles(string checkpoint, string folder)
    {
        Checkpoint = checkpoint;
        Folder = folder;
        using (var opened = Runtime.Checkpoints.Checkpoint.Open(checkpoint))
        {
            // As the weights decide it: a file may hold a head that its configuration calls tied.
            Config = opened.Config;
        }

        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint)));
        _name = $"{name}-{Fingerprint(checkpoint)}";
        Directory.CreateDirectory(folder);
    }

    /// <summary>The folder in HuggingFace's layout.</summary>
    public string Checkpoint { get; }

    /// <summary>Where the other forms are made.</summary>
    public string Folder { get; }

    public Gpt2Config Config { get; }

    /// <summary>Why llama.cpp cannot run this model as it is meant; null where it can.</summary>
    public string? WhyNotLlama => Config switch
    {
        { Activation: not Gpt2Activation.GeluNew } => $"its GPT-2 has gelu_new alone, not {Config.Activation}",
        { ScaleAttentionWeights: false } or { ScaleAttentionByInverseLayerIndex: true } =>
            "its GPT-2 scales scores by 1/√head_dim alone",

        {
            EmbeddingSize: var width,
        } when width % 32 != 0 => $"its quantized rows are multiples of 32, the width is {width}",
        _ => null,
    };

    /// <summary>The GGUF file of a type: f32, f16, q8_0 or q4_0. llama.cpp's own code makes all but f32.</summary>
    public string Gguf(string type)
    {
        var file = Path.Combine(Folder, $"{_name}-{type}.gguf");
        if (File.Exists(file))
        {
            return file;
        }

        var partial = file + ".partial";
        if (type == "f32")
        {
            using var checkpoint = Runtime.Checkpoints.Checkpoint.Open(Checkpoint);
            GgufWriter.Write(partial, Config, name => Values(checkpoint, name));
        }
        else
        {
            LlamaCpp.Quantize(Gguf("f32"), partial, type);
        }

        File.Move(partial, file, overwrite: true);
        return file;
    }

    /// <summary>
    /// A folder with the model as one float32 file under HuggingFace's full names: the checkpoint's own where it is
    /// that already.
    /// </summary>
    public string Float32Folder()
    {
        using var checkpoint = Runtime.Checkpoints.Checkpoint.Open(Checkpoint);
        if (checkpoint.Files.Count == 1 && checkpoint.Tensors.All(tensor => tensor.DType == TensorDType.Float32)
            && checkpoint.Files[0].Tensors.Any(tensor => tensor.Name == Gpt2Tensors.TokenEmbedding)
                && !checkpoint.Files[0].Tensors.Any(tensor => tensor.Name == Gpt2Tensors.Head))
        {
            return Checkpoint;
        }

        var folder = Path.Combine(Folder, _name + "-f32");
        if (!File.Exists(Path.Combine(folder, "model.safetensors")))
        {
            CheckpointWriter.Save(
                folder,
                Config,
                checkpoint.Tensors.Select(
                    tensor => new TensorSource(tensor.Name, TensorDType.Float32, tensor.Shape, (destination, start) =>
                tensor.CopyTo(MemoryMarshal.Cast<byte, float>(destination), start / sizeof(float)))), long.MaxValue);
        }

        return folder;
    }

    private static float[] Values(Checkpoint checkpoint, string name)
    {
        var tensor = checkpoint[name];
        var values = new float[tensor.ElementCount];
        tensor.CopyTo(values);
        return values;
    }

    /// <summary>Tells two folders of one name apart, and a folder from what it was before its files changed.</summary>
    private static string Fingerprint(string folder)
    {
        var text = string.Join('\n', new DirectoryInfo(folder).EnumerateFiles()
            .Where(file => file.Extension == ".safetensors" || file.Name is "config.json")
            .OrderBy(file => file.Name, StringComparer.Ordinal)
            .Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
    }
}
