using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="FactorFinding"/>.</summary>
internal static class FactorText
{
    private const int MostMeanings = 3;

    public static string Of(FactorFinding finding) => finding switch
    {
        FactorFinding.Factor of => $"a constant factor: {of.Side.Name()} is {Say(of.Value)} times "
            + of.Side.Other().Name() + Of(of.Meanings),
        FactorFinding.ConstantAdded of => $"a constant: {Say(of.Value)} is added to every number",
        FactorFinding.VectorAdded of => "the same vector is added to every row (root mean square "
            + $"{Say(of.Rms)}): a bias that one of them lacks, or another one",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    /// <summary>What a factor may stand for, after a comma; nothing where that is not known.</summary>
    public static string Of(FactorMeaning[] meanings) =>
        meanings.Length == 0 ? "" : ", " + string.Join(", or ", meanings.Take(MostMeanings).Select(Of));

    private static string Of(FactorMeaning meaning)
    {
        var n = meaning.Number;
        var source = meaning.Source switch
        {
            FactorSource.Sign => "a sign",
            FactorSource.LayerNumber => $"{n} = layer index + 1 (scale_attn_by_inverse_layer_idx)",
            FactorSource.RootOfHeadDim => $"√head_dim = √{n}",
            FactorSource.HeadDim => $"head_dim = {n}",
            FactorSource.RootOfWidth => $"√emb_dim = √{n}",
            FactorSource.Width => $"emb_dim = {n}",
            FactorSource.RootOfHeads => $"√heads = √{n}: √emb_dim in place of √head_dim",
            FactorSource.Heads => $"heads = {n}",
            FactorSource.UnbiasedVariance => $"√((n − 1)/n) for n = {n}: "
                + "a variance with Bessel's correction (unbiased) in a normalisation",
            _ => "something added or counted twice",
        };
        return meaning.Inverse ? $"1 ÷ ({source})" : source;
    }
}
