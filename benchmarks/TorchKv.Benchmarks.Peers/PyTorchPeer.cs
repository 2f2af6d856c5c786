using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary>GPT-2 in eager PyTorch (benchmarks/compare/gpt2_pytorch.py) in a process of its own.</summary>
internal sealed class PyTorchPeer : IDisposable
{
    // What eager PyTorch gains from: without it libgomp's idle threads spin on the cores that the BLAS has its own
    // threads on.
    private static readonly Dictionary<string, string> s_environment = new() { ["GOMP_SPINCOUNT"] = "0" };

    private readonly TorchProcess _process;
    private readonly int _decodeThreads;
    private readonly int _prefillThreads;

    private PyTorchPeer(TorchProcess process, int most)
    {
        _process = process;

        // Where the BLAS has threads of its own (Debian's OpenBLAS), one thread of libtorch's is often fastest;
        // elsewhere all are.
        Prefill(64, 1);
        _decodeThreads = Faster(most, threads => Statistics.Median(Decode("static", 4, 12, threads)));
        _prefillThreads = Faster(most, threads => Enumerable.Range(0, 3).Min(_ => Prefill(128, threads)));
    }

    /// <summary>Its version, and its threads: those of one and all with which it was faster.</summary>
    public string Name =>
        $"{_process.Ready.Ready.Split(',')[0]}, torch threads {_decodeThreads} to decode, {_prefillThreads} to prefill";

    /// <summary>Starts it and tries one thread and all; null, and why, where there is none.</summary>
    public static PyTorchPeer? Start(string python, string script, string folder, int threads, out string reason) =>
        TorchProcess.Start(python, [script, folder, "1"], out reason, s_environment) is { } process
            ? new PyTorchPeer(process, threads)
            : null;

    /// <summary>Milliseconds of each of <paramref name="count"/> greedy tokens after a prompt and one token.</summary>
    /// <param name="cache">none, concat or static.</param>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="count">Tokens to time.</param>
    public double[] Decode(string cache, int prompt, int count) => Decode(cache, prompt, count, _decodeThreads);

    /// <summary>Milliseconds of a prompt.</summary>
    public double Prefill(int count) => Prefill(count, _prefillThreads);

    /// <summary>The greedy ids.</summary>
    public int[] Ids(int prompt, int count) =>
        _process.Ask(new TorchRequest("static", 1, prompt, count, _decodeThreads)).Ids;

    public void Dispose() => _process.Dispose();

    private static int Faster(int most, Func<int, double> time) => most == 1 || time(1) <= time(most) ? 1 : most;

    private double[] Decode(string cache, int prompt, int count, int threads) =>
        _process.Ask(new TorchRequest(cache, 1, prompt, count + 1, threads)).Ms;

    private double Prefill(int count, int threads) =>
        _process.Ask(new TorchRequest("static", 1, count, 1, threads)).FirstMs;
}
