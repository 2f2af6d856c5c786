using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Text;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="ShapeFinding"/>.</summary>
internal static class ShapeText
{
    public static string Of(ShapeFinding finding)
    {
        var (original, port) = (finding.Original, finding.Port);
        var shapes = $"{Figures.ShapeText(port)} where the original has {Figures.ShapeText(original)}";
        return finding switch
        {
            ShapeFinding.KeyCount of => $"attends to {port[^1]} keys where the original attends to {original[^1]}: "
                + $"{Of(of.Cause)} (cache); shape {shapes}",
            ShapeFinding.HeadCount => $"{port[1]} heads where the original has {original[1]}: "
                + "the width is divided among another number of heads",
            ShapeFinding.Transposed => $"transposed: the shape is {shapes}",
            _ => $"the shape is {shapes}",
        };
    }

    private static string Of(KeyCountCause cause) => cause switch
    {
        KeyCountCause.PortWithoutCache =>
            "the cache is not used, or was emptied: only the step's own tokens are attended to",
        KeyCountCause.OriginalWithoutCache =>
            "the original does not use its cache: it attends to the step's own tokens only",
        KeyCountCause.CacheNotReset => "the cache was not reset, or slots that hold nothing yet are attended to",
        KeyCountCause.MoreKeys => "more keys than the original: a cache that was not reset or cropped, "
            + "slots that hold nothing yet, or a wider window",
        _ => "fewer keys than the original: earlier keys are lost, as in a window or a cache that was cropped",
    };
}
