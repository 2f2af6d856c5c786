using System.Globalization;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// Starts the sides of the comparison, each in a process of its own with the model loaded; null is a side that is not
/// here.
/// </summary>
internal sealed class PeerSet(PeersOptions options, PeerFiles files)
{
    public PeersOptions Options => options;

    public PeerFiles Files => files;

    public WorkerProcess Ours(string dtype) => new(
        "--model", files.Checkpoint, "--dtype", dtype, "--threads", Text(options.Threads));

    /// <summary>
    /// llama.cpp shares its context out among the sequences, so one that runs alone gets a worker of its own.
    /// </summary>
    public WorkerProcess? Llama(string type, int sequences = 1) => options.Llama is null
        || files.WhyNotLlama is not null
        ? null
        : new(
            "--llama",
            options.Llama,
            "--model",
            files.Gguf(type),
            "--threads",
            Text(options.Threads),
            "--context",
            Text(sequences == 1 ? files.Config.ContextLength : sequences * 64),
            "--sequences",
            Text(sequences),
            "--vocabulary",
            Text(files.Config.VocabSize));

    public PyTorchPeer? PyTorch()
    {
        if (options.Python is null)
        {
            return null;
        }

        var peer = PyTorchPeer.Start(
            options.Python, options.Script, files.Float32Folder(), options.Threads, out var reason);
        if (peer is null)
        {
            Console.Error.WriteLine($"PyTorch takes no part: {reason}");
        }

        return peer;
    }

    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
