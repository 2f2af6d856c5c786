namespace TorchKv.Benchmarks.Masks;

/// <summary>What a run over a suite found.</summary>
internal sealed class MaskFigures
{
    /// <summary>Microseconds from the constraint's text to its first mask.</summary>
    public List<double> FirstMasks { get; } = [];

    /// <summary>Microseconds of each mask after that.</summary>
    public List<double> Masks { get; } = [];

    /// <summary>Constraints that were refused, by the keyword that is at fault.</summary>
    public Dictionary<string, int> Refusals { get; } = [];

    /// <summary>Texts that the constraint must accept, and those among them that it refused.</summary>
    public (int All, int Wrong) Valid { get; set; }

    /// <summary>Texts that the constraint must refuse, and those among them that it accepted.</summary>
    public (int All, int Wrong) Invalid { get; set; }

    /// <summary>Tokens of the texts that were forced: a decode step less for each.</summary>
    public int ForcedTokens { get; set; }

    /// <summary>Bytes allocated by reading a text again that was just read.</summary>
    public long WarmBytes { get; set; }

    /// <summary>The largest number of bytes on the managed heap.</summary>
    public long MostHeapBytes { get; set; }

    /// <summary>The value below which a share of the values lies.</summary>
    public static double Quantile(List<double> values, double share)
    {
        values.Sort();
        return values.Count == 0 ? double.NaN : values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }

    /// <summary>Prints the figures beside the wanted ones.</summary>
    public void Print(TextWriter output)
    {
        var tokens = Masks.Count;
        output.WriteLine($"{FirstMasks.Count} constraints compiled, {Refusals.Values.Sum()} refused"
            + (Refusals.Count > 0 ? $" ({string.Join(", ", Refusals.OrderByDescending(r => r.Value).Select(r => $"{r.Key} {r.Value}"))})" : ""));
        output.WriteLine($"{Valid.All} valid texts, {Valid.Wrong} of them refused; {Invalid.All} invalid ones, {Invalid.Wrong} of them accepted (wanted: 0)");
        output.WriteLine($"{tokens} tokens, {ForcedTokens} forced ({(tokens == 0 ? 0 : 100.0 * ForcedTokens / tokens):0.0} % of the decode steps saved)");
        output.WriteLine();
        output.WriteLine($"{"",-28}{"measured",12}{"wanted",12}");
        Row("mask, average", Masks.Count == 0 ? double.NaN : Masks.Average(), 20);
        Row("mask, p50", Quantile(Masks, 0.5), 10);
        Row("mask, p99", Quantile(Masks, 0.99), 300);
        Row("mask, p99.9", Quantile(Masks, 0.999), 1000);
        Row("text to first mask, p50", Quantile(FirstMasks, 0.5), 2000);
        Row("text to first mask, p99", Quantile(FirstMasks, 0.99), 30_000);
        output.WriteLine($"{"allocated when warm",-28}{WarmBytes,10} B{0,10} B");
        output.WriteLine($"{"managed heap",-28}{MostHeapBytes / 1e6,9:0} MB{256,9} MB");

        void Row(string name, double measured, double wanted)
            => output.WriteLine($"{name,-28}{measured,9:0.0} µs{wanted,9:0} µs");
    }
}
