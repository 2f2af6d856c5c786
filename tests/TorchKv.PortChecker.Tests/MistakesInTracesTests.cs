using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.TestSupport;

namespace TorchKv.PortChecking.Tests;

/// <summary>
/// Traces that PyTorch made, each with one mistake (tests/trace/make_mistakes.py), against the right one: as the port's
/// and as the original's, since a mistake may be on either side.
/// </summary>
public class MistakesInTracesTests
{
    public static TheoryData<string, string, ResemblanceKind, string> Mistakes => new()
    {
        {
            "attention-scale-missing", "000.trf_blocks.0.att.dropout", ResemblanceKind.ConstantFactor,
            "constant factor on the attention scores|√head_dim = √8"
        },
        {
            "attention-scale-of-the-whole-width", "000.trf_blocks.0.att.dropout", ResemblanceKind.ConstantFactor,
            "attention scale|√emb_dim in place of √head_dim"
        },
        {
            "attention-scale-by-layer", "000.trf_blocks.1.att.dropout", ResemblanceKind.ConstantFactor,
            "attention scale|layer index + 1"
        },
        {
            "gelu-erf", "000.trf_blocks.0.ff.layers.1", ResemblanceKind.Approximation,
            "approximation|GELU (erf)|GELU (tanh)"
        },
        {
            "gelu-sigmoid-in-block-1", "000.trf_blocks.1.ff.layers.1", ResemblanceKind.Approximation,
            "approximation|sigmoid"
        },
        { "relu", "000.trf_blocks.0.ff.layers.1", ResemblanceKind.Activation, "another activation|ReLU" },
        { "no-activation", "000.trf_blocks.0.ff.layers.1", ResemblanceKind.Activation, "no activation" },
        {
            "positions-restart", "001.pos_emb", ResemblanceKind.Positions,
            "rows are shifted by 6 (positions)|begin at 0 again in each step|only at steps after the first"
        },
        { "positions-off-by-one", "000.pos_emb", ResemblanceKind.Positions, "rows are shifted by one (positions)" },
        {
            "positions-off-by-three-in-the-cache", "001.pos_emb", ResemblanceKind.Positions,
            "other indices|positions|only at steps after the first"
        },
        {
            "no-mask", "000.trf_blocks.0.att.dropout", ResemblanceKind.Mask,
            "later keys are visible|no causal mask|(mask)"
        },
        {
            "mask-off-by-one", "000.trf_blocks.0.att.dropout", ResemblanceKind.Mask,
            "a later key is visible|off by one"
        },
        {
            "mask-top-left", "001.trf_blocks.0.att.dropout", ResemblanceKind.Mask,
            "earlier keys are lost|aligned top-left|(mask)"
        },
        {
            "mask-top-left-in-block-1", "001.trf_blocks.1.att.dropout", ResemblanceKind.Mask,
            "earlier keys are lost|aligned top-left"
        },
        { "window-4", "000.trf_blocks.0.att.dropout", ResemblanceKind.Mask, "earlier keys are lost|a window of 4" },
        {
            "new-keys-first", "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache,
            "keys stand in another order|cache|only at steps after the first"
        },
        { "cache-not-used", "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache, "cache|the step's own tokens" },
        { "cache-loses-the-first", "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache, "attends to|6|7|cache" },
        {
            "cached-keys-zero", "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache,
            "zeros: slots that were never written|cache"
        },
        {
            "cached-keys-overwritten", "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache,
            "the key of token 3|cache|only at steps after the first"
        },
        {
            "cached-values-zero", "001.trf_blocks.0.att.out_proj", ResemblanceKind.Cache,
            "other values than were put in|only at steps after the first"
        },
        {
            "batch-rows-swapped", "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache,
            "another row of the batch|cache"
        },
        {
            "cache-of-eight-bits", "001.trf_blocks.0.att.dropout", ResemblanceKind.Rounding,
            "mere rounding|fewer bits|cache"
        },
        { "heads-permuted", "000.trf_blocks.0.att.W_query", ResemblanceKind.Heads, "heads are permuted" },
        { "heads-last", "000.trf_blocks.0.att.W_key", ResemblanceKind.Heads, "heads are transposed" },
        {
            "heads-split-without-transpose", "000.trf_blocks.0.att.dropout", ResemblanceKind.Heads,
            "transposed|without the transpose"
        },
        {
            "heads-joined-without-transpose", "000.trf_blocks.0.att.out_proj", ResemblanceKind.Heads,
            "heads and positions are transposed"
        },
        { "columns-permuted", "000.trf_blocks.0.ff.layers.0", ResemblanceKind.ColumnsPermuted, "columns are permuted" },
        { "weight-transposed", "000.trf_blocks.0.att.W_value", ResemblanceKind.Transposed, "a transposed weight" },
        { "key-and-value-swapped", "000.trf_blocks.0.att.W_key", ResemblanceKind.Swapped, "W_value|swapped" },
        { "other-weights", "000.tok_emb", ResemblanceKind.Weights, "everything differs|other weights" },
        { "other-weights-in-one-module", "000.trf_blocks.1.ff.layers.0", ResemblanceKind.Weights, "other weights" },
        {
            "bias-missing", "000.trf_blocks.0.att.W_key", ResemblanceKind.Bias,
            "the same vector is added to every row|bias"
        },
        {
            "weights-rounded-to-b-float-16", "000.tok_emb", ResemblanceKind.Rounding,
            "mere rounding of another dtype|bfloat16"
        },
        { "computed-in-float-16", "000.tok_emb", ResemblanceKind.Rounding, "mere rounding of another dtype|float16" },
        { "dropout-on", "000.drop_emb", ResemblanceKind.Dropout, "dropout is on|eval()" },
        { "norm-unbiased", "000.trf_blocks.0.norm1", ResemblanceKind.ConstantFactor, "constant factor|unbiased" },
        { "norm-epsilon", "000.trf_blocks.0.norm1", ResemblanceKind.Normalisation, "another epsilon: 0.001" },
        { "root-mean-square-norm", "000.trf_blocks.0.norm1", ResemblanceKind.Normalisation, "RMSNorm" },
        {
            "residual-of-attention-missing", "000.trf_blocks.0.norm2", ResemblanceKind.Residual,
            "a residual connection (shortcut) is missing"
        },
        {
            "residual-of-feed-forward-missing", "000.trf_blocks.0", ResemblanceKind.Residual,
            "a residual connection (shortcut) is missing"
        },
        {
            "residual-of-attention-halved", "000.trf_blocks.0.norm2", ResemblanceKind.Residual,
            "0.5 · trf_blocks.0.att|residual connection (shortcut) with another factor"
        },
        { "positions-doubled", "000.pos_emb", ResemblanceKind.RowsPermuted, "rows are permuted|positions" },
        {
            "activation-clamped", "000.trf_blocks.0.ff.layers.1", ResemblanceKind.Outliers,
            "a few outliers|GELU (tanh)|clamps"
        },
        {
            "not-a-number-in-a-masked-row", "000.trf_blocks.0.att.dropout", ResemblanceKind.NotANumber,
            "NaN|keys that are all masked"
        },
        {
            "softmax-over-queries", "000.trf_blocks.0.att.dropout", ResemblanceKind.Transposed,
            "softmax over the wrong dimension"
        },
        { "logits-outliers", "000.out_head", ResemblanceKind.Outliers, "a few outliers|columns 3, 50" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void AMistakeOfThePortIsFoundAndNamed(string mistake, string first, ResemblanceKind kind, string words)
    {
        using var wrong = Open(mistake);
        using var right = Open(RightOf(mistake));

        Check(PortChecker.Compare(right, wrong), first, kind, words);
    }

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void AMistakeOfTheTraceIsFoundAndNamed(string mistake, string first, ResemblanceKind kind, string words)
    {
        using var wrong = Open(mistake);
        using var right = Open(RightOf(mistake));

        // With the sides exchanged, 0.001 is the original's epsilon.
        var expected = mistake == "norm-epsilon" ? "another epsilon|0.001" : words;
        Check(PortChecker.Compare(wrong, right), first, kind, expected);
    }

    [Fact]
    public void EveryTraceWithAMistakeIsTested()
    {
        var files = Directory.GetFiles(RepositoryFiles.Fixture("trace-mistakes"), "*.safetensors")
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(name => !name.StartsWith("right", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

        Assert.Equal(files, Mistakes.Select(row => row.Data.Item1).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ATraceEqualsItself()
    {
        using var trace = Open("right");
        using var again = Open("right");

        var report = PortChecker.Compare(trace, again);

        Assert.True(report.Same);
        Assert.Null(report.First);
        Assert.Null(report.LooksLike);
        Assert.All(report.Modules, module => Assert.Equal(0, module.MaxAbs));
    }

    [Fact]
    public void AModuleCalledTwiceIsNotBlamedForItsInput()
    {
        using var right = RecordedTrace.Open(RepositoryFiles.Fixture("trace", "right.safetensors"));
        using var wrong = RecordedTrace.Open(RepositoryFiles.Fixture("trace", "gelu-erf-in-block-1.safetensors"));

        // In these files drop_shortcut stands at its first call and holds its second call's output, which already
        // differs.
        var report = PortChecker.Compare(right, wrong);
        Check(report, "000.trf_blocks.1.ff.layers.1", ResemblanceKind.Approximation, "erf|tanh");
    }

    internal static RecordedTrace Open(string name) =>
        RecordedTrace.Open(RepositoryFiles.Fixture("trace-mistakes", name + ".safetensors"));

    internal static string RightOf(string mistake) =>
        mistake.Contains("top-left", StringComparison.Ordinal) ? "right-in-chunks"
        : mistake.Contains("batch-rows", StringComparison.Ordinal) ? "right-of-two-rows"
        : "right";

    internal static void Check(PortCheckReport report, string first, ResemblanceKind kind, string words)
    {
        Assert.False(report.Same);
        Assert.True(
            report.First == first && report.Kind == kind
                && words.Split('|').All(word => report.LooksLike!.Contains(word, StringComparison.Ordinal)),
            $"expected {first}, {kind}, \"{words}\"; found {report.First}, {report.Kind}, \"{report.LooksLike}\"");
    }
}
