using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Text;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>Remarks about a comparison, in words.</summary>
internal static class NoteText
{
    private const int MostKeys = 4;

    public static IReadOnlyList<string> Of(TraceComparison comparison)
    {
        var names = comparison.Names;
        var notes = new List<string>();
        if (names.Source == NameMatchSource.HuggingFaceGpt2)
        {
            notes.Add("HuggingFace's names for GPT-2 were taken for the port's "
                + "(transformer.h.0.attn.c_attn is W_query, W_key and W_value together, and so on)");
        }

        if (names.Source == NameMatchSource.Shapes)
        {
            notes.Add($"{names.Missing} of {names.Modules} names are not in the port; "
                + $"{names.Paired} modules were paired by shape and order (see the proposed mapping)");
        }

        if (comparison.Pairing.MissingSteps.Count > 0)
        {
            var steps = Figures.Ranges(comparison.Pairing.MissingSteps);
            notes.Add($"steps {steps} of the original were not run by the port");
        }

        if (comparison.Pairing.HasPadding)
        {
            notes.Add("tokens that are padding by the attention mask are not compared");
        }

        if (comparison.Original.Facts.Training || comparison.Port.Facts.Training)
        {
            var side = comparison.Original.Facts.Training ? "the original" : "the port";
            notes.Add($"{side} ran in training mode, where dropout is random; call eval() first");
        }

        string[] missing = [.. comparison.Errors.Where(error => error.PortKey is null).Select(error => error.Key)];
        if (missing.Length > 0)
        {
            notes.Add($"{Count(missing)} of the original {Have(missing)} no counterpart in the port: {Some(missing)}");
        }

        string[] extra = [.. comparison.Pairing.Extra.Select(key => key.ToString())];
        if (extra.Length > 0)
        {
            notes.Add($"{Count(extra)} of the port {Have(extra)} no counterpart in the original: {Some(extra)}");
        }

        return notes;
    }

    private static string Count(string[] keys) => keys.Length == 1 ? "1 output" : $"{keys.Length} outputs";

    private static string Have(string[] keys) => keys.Length == 1 ? "has" : "have";

    private static string Some(string[] keys) =>
        string.Join(", ", keys.Take(MostKeys)) + (keys.Length > MostKeys ? ", …" : "");
}
