using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Text;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// The CPU runner beside llama.cpp on the same weights: both loaded in processes of their own and asked in turn,
/// so that each figure is a ratio of medians from the same minutes.
/// </summary>
internal sealed class PeersBenchmark
{
    private static readonly (string Ours, string Theirs, string DecodeWanted, string PrefillWanted)[] Precisions =
    [
        ("float32", "f32", "≥ 1.05", "≥ 2"),
        ("bfloat16", "f16", "≥ 1.4", "≥ 2"),
        ("int8", "q8_0", "≥ 1.2", "≥ 1.8"),
        ("int4", "q4_0", "≥ 1.2", ""),
    ];

    private readonly PeersOptions _options;
    private readonly PeerFiles _files;
    private readonly Gpt2Config _config;
    private readonly MachineLimits _limits;
    private readonly List<PeerRow> _rows = [];

    public PeersBenchmark(PeersOptions options, PeerFiles files, MachineLimits limits)
    {
        _options = options;
        _files = files;
        _config = Gpt2Config.Load(files.Checkpoint);
        _limits = limits;
    }

    /// <summary>Measures every row, telling each as it is known.</summary>
    public IReadOnlyList<PeerRow> Run(Action<PeerRow> tell)
    {
        foreach (var (ours, theirs, decodeWanted, prefillWanted) in Precisions)
        {
            if (_options.Only is null || _options.Only == ours)
            {
                Precision(ours, theirs, decodeWanted, prefillWanted, tell);
            }
        }

        if (_options.Only is null)
        {
            ColdStart(tell);
            Perplexity(tell);
        }

        return _rows;
    }

    private void Precision(string ours, string theirs, string decodeWanted, string prefillWanted, Action<PeerRow> tell)
    {
        void Add(PeerRow row)
        {
            _rows.Add(row);
            tell(row);
        }

        using var we = Ours(ours);
        using var they = _options.LlamaFolder is null ? null : Theirs(theirs);
        var tokens = _options.Quick ? 40 : 200;
        var prefill = Math.Min(512, _config.ContextLength);

        List<double> decodeOurs = [], decodeTheirs = [], prefillOurs = [], prefillTheirs = [];
        we.Numbers("decode 4 8");
        they?.Numbers("decode 4 8");
        for (var round = 0; round < (_options.Quick ? 2 : 5); round++)
        {
            decodeOurs.Add(Median(we.Numbers($"decode 4 {tokens}")));
            if (they is not null)
            {
                decodeTheirs.Add(Median(they.Numbers($"decode 4 {tokens}")));
            }

            prefillOurs.Add(we.Number($"prefill {prefill}"));
            if (they is not null)
            {
                prefillTheirs.Add(they.Number($"prefill {prefill}"));
            }
        }

        double PerSecond(List<double> milliseconds, int count) => milliseconds.Count == 0 ? double.NaN : 1000.0 * count / Median(milliseconds);

        var weights = we.Number("weights");
        var perToken = weights + (KvBytesPerToken * (4 + (tokens / 2)));
        var decode = PerSecond(decodeOurs, 1);
        Add(new PeerRow($"decode {tokens}, {ours}", "tokens/s", decode, PerSecond(decodeTheirs, 1), $"llama.cpp {theirs.ToUpperInvariant()}", decodeWanted)
        {
            Rate = $"{decode * perToken / 1e9:0.0} GB/s",
            LimitShare = decode * perToken / 1e9 / _limits.ReadGigabytesPerSecond,
            LimitWanted = ours == "float32" ? "≥ 0.92" : "",
        });

        var filled = PerSecond(prefillOurs, prefill);
        var peak = ours == "int8" ? _limits.DotGigaops : _limits.FmaGigaflops;
        Add(new PeerRow($"prefill {prefill}, {ours}", "tokens/s", filled, PerSecond(prefillTheirs, prefill), $"llama.cpp {theirs.ToUpperInvariant()}", prefillWanted)
        {
            Rate = $"{PrefillOperations(prefill) / Median(prefillOurs) / 1e6:0} {(ours == "int8" ? "GOP/s" : "GFLOP/s")}",
            LimitShare = PrefillOperations(prefill) / Median(prefillOurs) / 1e6 / peak,
            LimitWanted = ours switch { "float32" => "≥ 0.55", "int8" => "≥ 0.45", _ => "" },
        });

        if (ours != "float32")
        {
            return;
        }

        // Before the long sequences and the batch of 16, whose keys and values are no part of the weights.
        Add(new PeerRow("peak RSS ÷ weights, float32", "MB", we.Number("rss") / 1e6, weights / 1e6, "weights", "≤ 1.25"));
        Add(new PeerRow("managed bytes per decoded token", "bytes", we.Number($"allocated {tokens}") / tokens, double.NaN, "", "0"));
        var together = 1000 * 16 / Median(we.Numbers($"together 16 {(_options.Quick ? 10 : 40)}"));
        var theirTogether = double.NaN;
        if (they is not null)
        {
            using var many = Theirs(theirs, 16);
            theirTogether = 1000 * 16 / Median(many.Numbers($"together 16 {(_options.Quick ? 10 : 40)}"));
        }

        Add(new PeerRow("16 sequences together, float32", "tokens/s", together, theirTogether, "llama.cpp F32", ""));
        Add(new PeerRow("16 sequences ÷ one", "×", together, decode, "one sequence", "≥ 10"));

        var far = Math.Min(1000, _config.ContextLength - 24);
        List<double> early = [], late = [];
        for (var round = 0; round < 3; round++)
        {
            early.Add(Median(we.Numbers("decode 10 16")));
            late.Add(Median(we.Numbers($"decode {far} 16")));
        }

        Add(new PeerRow($"ms per token at {far} ÷ at 10", "ms", Median(late), Median(early), "at 10", "≤ 1.2"));
        Competitor(we, they, decode, PerSecond(decodeTheirs, 1), Add);
    }

    /// <summary>The same decode while another process spins on one of the cores.</summary>
    private void Competitor(WorkerProcess we, WorkerProcess? they, double ours, double theirs, Action<PeerRow> add)
    {
        using var spinner = Process.Start(new ProcessStartInfo("taskset", ["-c", "0", "sh", "-c", "while :; do :; done"]))!;
        try
        {
            Thread.Sleep(200);
            var disturbed = 1000 / Mean(we.Numbers("decode 4 60"));
            add(new PeerRow("decode beside a spinning process ÷ alone", "tokens/s", disturbed, ours, "alone", "≥ 0.45"));
            if (they is not null)
            {
                add(new PeerRow("  llama.cpp F32 beside it ÷ alone", "tokens/s", 1000 / Mean(they.Numbers("decode 4 8")), theirs, "alone", ""));
            }
        }
        finally
        {
            spinner.Kill(entireProcessTree: true);
            spinner.WaitForExit();
        }
    }

    /// <summary>From the start of the command line's process to the first byte of text, the file in the page cache.</summary>
    private void ColdStart(Action<PeerRow> tell)
    {
        List<double> times = [];
        for (var round = 0; round < (_options.Quick ? 2 : 5); round++)
        {
            var began = Stopwatch.GetTimestamp();
            using var process = Process.Start(new ProcessStartInfo(
                _options.CommandLine,
                ["generate", "--model", _files.Checkpoint, "--runner", "cpu", "--threads", _options.Threads.ToString(CultureInfo.InvariantCulture), "--prompt-ids", "1,2,3,4", "--max-new-tokens", "2", "--eos-token-id", "none"])
            { RedirectStandardOutput = true })!;
            process.StandardOutput.Read();
            times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
        }

        var row = new PeerRow("cold start to first token, float32", "s", Median(times), double.NaN, "", "≤ 1");
        _rows.Add(row);
        tell(row);
    }

    /// <summary>What each precision costs on the default model's held-out text: perplexity, windows of the context length.</summary>
    private void Perplexity(Action<PeerRow> tell)
    {
        var storyteller = new PeerFiles(_options.Storyteller, _files.Folder);
        var context = Gpt2Config.Load(storyteller.Checkpoint);
        var ids = Path.Combine(_files.Folder, "heldout.json");
        File.WriteAllText(ids, JsonSerializer.Serialize(Gpt2Tokenizer.Load(storyteller.Checkpoint).Encode(File.ReadAllText(_options.HeldOut))));
        var request = $"nll {ids} {context.ContextLength}";
        double? exact = null;
        foreach (var (ours, theirs, _, _) in Precisions)
        {
            double perplexity, their = double.NaN;
            using (var we = new WorkerProcess("worker", "cpu", storyteller.Checkpoint, ours, Text(_options.Threads)))
            {
                perplexity = Math.Exp(we.Number(request));
            }

            if (_options.LlamaFolder is not null)
            {
                using var they = new WorkerProcess("worker", "llama", _options.LlamaFolder, storyteller.Gguf(theirs), Text(_options.Threads), Text(context.ContextLength), "1", Text(context.VocabSize));
                their = Math.Exp(they.Number(request));
            }

            exact ??= perplexity;
            var row = new PeerRow($"perplexity on held-out text, {ours}", "", perplexity, their, $"llama.cpp {theirs.ToUpperInvariant()}", "")
            {
                Rate = $"{100 * ((perplexity / exact.Value) - 1):+0.000;-0.000;0} %",
                LimitWanted = ours switch { "bfloat16" => "≤ 0.05 %", "int8" => "≤ 0.3 %", "int4" => "≤ Q4_0", _ => "" },
            };
            _rows.Add(row);
            tell(row);
        }
    }

    private WorkerProcess Ours(string dtype) => new("worker", "cpu", _files.Checkpoint, dtype, Text(_options.Threads));

    /// <summary>llama.cpp shares its context out among the sequences, so one that runs alone gets a worker of its own.</summary>
    private WorkerProcess Theirs(string type, int sequences = 1) =>
        new("worker", "llama", _options.LlamaFolder!, _files.Gguf(type), Text(_options.Threads), Text(sequences == 1 ? _config.ContextLength : sequences * 64), Text(sequences), Text(_config.VocabSize));

    private double KvBytesPerToken => 2.0 * _config.LayerCount * _config.EmbeddingSize * sizeof(float);

    /// <summary>Multiplications and additions of a prefill: the matrices for every token, the head for the last, causal attention.</summary>
    private double PrefillOperations(int tokens)
    {
        double width = _config.EmbeddingSize, inner = _config.InnerSize;
        var perToken = 2 * _config.LayerCount * ((4 * width * width) + (2 * width * inner));
        var attention = 4 * _config.LayerCount * width * tokens * (tokens + 1) / 2.0;
        return (perToken * tokens) + attention + (2.0 * _config.VocabSize * width);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static double Mean(double[] values) => values.Average();

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>How to run.</summary>
internal sealed record PeersOptions(bool Quick, int Threads, string? LlamaFolder, string CommandLine, string Storyteller, string HeldOut, string? Only);

/// <summary>One measured line: ours, what it is held against, and what is wanted of the ratio.</summary>
internal sealed record PeerRow(string Work, string Unit, double Ours, double Other, string OtherName, string Wanted)
{
    /// <summary>GB/s or GFLOP/s that ours comes to.</summary>
    public string Rate { get; init; } = "";

    /// <summary>Share of the machine's limit.</summary>
    public double LimitShare { get; init; } = double.NaN;

    /// <summary>What is wanted of the share.</summary>
    public string LimitWanted { get; init; } = "";

    /// <summary>Ours ÷ the other.</summary>
    public double Ratio => Ours / Other;
}
