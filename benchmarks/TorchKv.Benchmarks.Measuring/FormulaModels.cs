using System.Diagnostics;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Testing;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>Checkpoints with weights by a formula, made once and kept among the build's outputs.</summary>
internal static class FormulaModels
{
    /// <summary>The folder of GPT-2 124M.</summary>
    public static string Gpt2() => Folder("gpt2-formula", new Gpt2Config());

    /// <summary>The folder of a model; it is made where it is not there.</summary>
    public static string Folder(string name, Gpt2Config config)
    {
        var folder = RepositoryFolder.At("artifacts", "bench", name);
        try
        {
            Checkpoint.Open(folder).Dispose();
        }
        catch (TorchKvException)
        {
            var began = Stopwatch.GetTimestamp();
            FormulaCheckpoint.Write(folder, config);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            Console.Error.WriteLine($"{folder} made in {seconds:F1} s");
        }

        return folder;
    }
}
