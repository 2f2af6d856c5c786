using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Figures with their targets, as a table in Markdown.</summary>
internal static class ClusterTable
{
    public static void Write(TextWriter output, IEnumerable<Figure> figures)
    {
        output.WriteLine("| what | target | figure | | detail |");
        output.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var figure in figures)
        {
            output.WriteLine(
                $"| {figure.What} | {figure.Wanted} | {figure.Shown} | {Verdict(figure)} | "
                    + $"{figure.Detail.Replace('|', '/')} |");
        }
    }

    public static string Verdict(Figure figure) => figure.Wanted == "" ? "" : figure.IsMet ? "ok" : "short";
}
