using System.Globalization;
using System.Text;
using TorchKv.PortChecking.Text;

namespace TorchKv.PortChecking.Report;

/// <summary>A report as text: what an assertion's message shows.</summary>
internal static class ReportText
{
    public static string Write(PortCheckReport report)
    {
        var text = new StringBuilder();
        if (report.Same)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"The port computes what the original computes: {report.Modules.Count} outputs compared, the largest error is {Largest(report)}.");
        }
        else
        {
            text.AppendLine(report.First is null ? "The port differs from the original." : $"The port differs from the original, first at {report.First}.");
            if (report.LooksLike is { } looks)
            {
                text.AppendLine($"It looks like: {looks}.");
            }

            text.AppendLine();
            Table(text, report);
        }

        foreach (var note in report.Notes)
        {
            text.AppendLine($"Note: {note}.");
        }

        if (report.ProposedMapping is { } mapping)
        {
            text.AppendLine("Names that may belong together, by shape and order:");
            foreach (var line in mapping.ToJson().Split('\n'))
            {
                text.AppendLine("  " + line);
            }
        }

        return text.ToString().TrimEnd();
    }

    public static string Error(double value) =>
        double.IsNaN(value) ? "–" : value == 0 ? "0" : value.ToString("0.0e-00", CultureInfo.InvariantCulture);

    private static string Largest(PortCheckReport report) =>
        Error(report.Modules.Where(module => !double.IsNaN(module.MaxRel)).Select(module => module.MaxRel).DefaultIfEmpty(0).Max()) + " (relative)";

    private static void Table(StringBuilder text, PortCheckReport report)
    {
        var modules = report.Neighbourhood();
        var width = modules.Select(module => module.Key.Length).DefaultIfEmpty(6).Max();
        text.AppendLine(CultureInfo.InvariantCulture, $"    {"module".PadRight(width)}  {"max abs",8}  {"max rel",8}  {"allowed",8}  shape");
        foreach (var module in modules)
        {
            var mark = module.Key == report.First ? "→" : module.PortKey is null ? "?" : module.Within ? " " : "×";
            var shape = Figures.ShapeText([.. module.Shape]);
            var other = module.PortShape is null ? "not in the port" : module.PortShape.SequenceEqual(module.Shape) ? shape : $"{shape} port {Figures.ShapeText([.. module.PortShape])}";
            text.AppendLine(CultureInfo.InvariantCulture, $"  {mark} {module.Key.PadRight(width)}  {Error(module.MaxAbs),8}  {Error(module.MaxRel),8}  {Error(module.Bound),8}  {other}");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"    {report.Modules.Count(module => module.Within)} of {report.Modules.Count} outputs are within their bounds.");
    }
}
