using TorchKv.Runtime.Checkpoints;

namespace TorchKv.Benchmarks.Peers;

/// <summary>One model in the forms that each side reads, made on the spot and kept for the next run.</summary>
internal sealed class PeerFiles
{
    private readonly string _name;

    /// <param name="checkpoint">A folder in HuggingFace's layout.</param>
    /// <param name="folder">Where the GGUF files are made.</param>
    public PeerFiles(string checkpoint, string folder)
    {
        Checkpoint = checkpoint;
        Folder = folder;
        _name = Path.GetFileName(Path.TrimEndingDirectorySeparator(checkpoint));
        Directory.CreateDirectory(folder);
    }

    /// <summary>The folder in HuggingFace's layout.</summary>
    public string Checkpoint { get; }

    /// <summary>Where the GGUF files are made.</summary>
    public string Folder { get; }

    /// <summary>The GGUF file of a type: f32, f16, q8_0 or q4_0. llama.cpp's own code makes all but f32.</summary>
    public string Gguf(string type)
    {
        var file = Path.Combine(Folder, $"{_name}-{type}.gguf");
        if (File.Exists(file) && File.GetLastWriteTimeUtc(file) > File.GetLastWriteTimeUtc(Path.Combine(Checkpoint, "config.json")))
        {
            return file;
        }

        var partial = file + ".partial";
        if (type == "f32")
        {
            using var checkpoint = Runtime.Checkpoints.Checkpoint.Open(Checkpoint);
            GgufWriter.Write(partial, checkpoint.Config, name => Values(checkpoint, name));
        }
        else
        {
            LlamaCpp.Quantize(Gguf("f32"), partial, type);
        }

        File.Move(partial, file, overwrite: true);
        return file;
    }

    private static float[] Values(Checkpoint checkpoint, string name)
    {
        var tensor = checkpoint[name];
        var values = new float[tensor.ElementCount];
        tensor.CopyTo(values);
        return values;
    }
}
