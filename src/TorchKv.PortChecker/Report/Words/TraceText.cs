using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="TraceFinding"/>.</summary>
internal static class TraceText
{
    private const int MostIds = 8;

    public static string Of(TraceFinding finding) => finding switch
    {
        TraceFinding.NothingInCommon => "no module of the port has the name of one of the original's",
        TraceFinding.NoSuchModule =>
            "the port has no such module, and nothing after it in the step was compared",
        TraceFinding.OtherIds of => $"other input ids: in step {of.Step} the port was fed {Show(of.Port)} "
            + $"and the original {Show(of.Original)}",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Show(long[][] rows)
    {
        if (rows.Length == 0)
        {
            return "nothing";
        }

        var end = rows[0].Length > MostIds ? ", …]" : "]";
        var more = rows.Length > 1 ? $" and {rows.Length - 1} more rows" : "";
        return "[" + string.Join(", ", rows[0].Take(MostIds)) + end + more;
    }
}
