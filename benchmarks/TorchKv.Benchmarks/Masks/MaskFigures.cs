using System.Diagnostics;
using System.Globalization;

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

    /// <summary>Valid texts that were refused with their properties in the schema's order too.</summary>
    public int ValidWrongInOrder { get; set; }

    /// <summary>Whether any constraint is a JSON schema.</summary>
    public bool HasSchemas { get; set; }

    /// <summary>Whether any is a JSON schema whose properties come in its order alone.</summary>
    public bool InSchemaOrder { get; set; }

    /// <summary>A line for each refusal and each wrong judgement.</summary>
    public List<string> Details { get; } = [];

    /// <summary>Tokens of the texts that were forced: a decode step less for each.</summary>
    public int ForcedTokens { get; set; }

    /// <summary>Bytes allocated by reading a text again that was just read.</summary>
    public long WarmBytes { get; set; }

    /// <summary>Masks that took long: microseconds, and the entry.</summary>
    public List<(double Time, string Name)> Slow { get; } = [];

    /// <summary>Microseconds of the longest mask during which the garbage collector did not run.</summary>
    public double LongestAlone { get; set; }

    /// <summary>Tokens that were read again.</summary>
    public int WarmTokens { get; set; }

    /// <summary>The largest number of bytes on the managed heap after a collection.</summary>
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
        var (tokens, refused) = (Masks.Count, Refusals.Values.Sum());
        output.WriteLine(
            $"{FirstMasks.Count + refused} constraints, {refused} refused, {tokens} masks on one thread");
        output.WriteLine($"{"",-46}{"measured",14}{"wanted",14}");
        Row("compiled", Share(FirstMasks.Count, FirstMasks.Count + refused), "%", ">= 85");
        Row($"invalid texts accepted, of {Invalid.All}", Invalid.Wrong, "", "0");
        Row(
            $"valid texts refused, {Valid.Wrong} of {Valid.All}",
            Share(Valid.Wrong, Valid.All),
            "%",
            InSchemaOrder ? "reported" : "<= 0.2");
        if (InSchemaOrder)
        {
            Row(
                $"the same written in the schema's order, {ValidWrongInOrder}",
                Share(ValidWrongInOrder, Valid.All),
                "%",
                "<= 0.2");
        }

        Row("mask, average", Masks.Count == 0 ? double.NaN : Masks.Average(), "µs", "<= 20");
        Row("mask, p50", Quantile(Masks, 0.5), "µs", "<= 10");
        Row("mask, p99", Quantile(Masks, 0.99), "µs", "<= 300");
        Row("mask, p99.9", Quantile(Masks, 0.999), "µs", "<= 1000");
        Row("mask, longest", Quantile(Masks, 1), "µs", "");
        Row("mask, longest without garbage collection", LongestAlone, "µs", "");
        Row("compile and first mask, p50", Quantile(FirstMasks, 0.5) / 1000, "ms", "<= 2");
        Row("compile and first mask, p99", Quantile(FirstMasks, 0.99) / 1000, "ms", "<= 30");
        Row("compile and first mask, longest", Quantile(FirstMasks, 1) / 1000, "ms", "<= 1000");
        Row("allocated for a warm token", WarmTokens == 0 ? 0 : (double)WarmBytes / WarmTokens, "B", "0");
        Row("managed heap after a collection, largest", MostHeapBytes / 1e6, "MB", "<= 256");
        Row("process, largest", Process.GetCurrentProcess().PeakWorkingSet64 / 1e6, "MB", "");
        Row($"steps saved by forced tokens, {ForcedTokens}", Share(ForcedTokens, tokens), "%", "reported");
        foreach (var (keyword, count) in Refusals.OrderByDescending(refusal => refusal.Value))
        {
            Row($"refused for {keyword}", count, "", "");
        }

        void Row(string name, double measured, string unit, string wanted) => output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{name,-46}{measured,11:0.##} {unit,-2}{wanted,14}"));
    }

    private static double Share(int part, int whole) => whole == 0 ? 0 : 100.0 * part / whole;
}
