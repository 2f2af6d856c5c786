using System.Globalization;
using System.Text;
using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Text;

namespace TorchKv.PortChecking.Report;

/// <summary>Writes a report as text, for the message of an assertion.</summary>
internal static class ReportText
{
    public static string Write(PortCheckReport report)
    {
        var text = new StringBuilder();
        if (report.Same)
        {
            text.AppendLine($"The port computes what the original computes: {report.Modules.Count} outputs compared, "
                + $"the largest error is {Largest(report)} (relative).");
        }
        else
        {
            text.AppendLine(report.First is null
                ? "The port differs from the original."
                : $"The port differs from the original, first at {report.First}.");
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

    private static string Largest(PortCheckReport report) => Figures.Error(report.Modules
        .Select(module => module.MaxRel).Where(error => !double.IsNaN(error)).DefaultIfEmpty(0).Max());

    private static void Table(StringBuilder text, PortCheckReport report)
    {
        var modules = report.Neighbourhood();
        var width = modules.Select(module => module.Key.Length).DefaultIfEmpty(6).Max();
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"    {"module".PadRight(width)}  {"max abs",8}  {"max rel",8}  {"allowed",8}  shape"));
        foreach (var module in modules)
        {
            var mark = module.Key == report.First ? "→"
                : module.PortKey is null ? "?"
                : module.Within ? " "
                : "×";
            text.AppendLine($"  {mark} {module.Key.PadRight(width)}  {Figures.Error(module.MaxAbs),8}  "
                + $"{Figures.Error(module.MaxRel),8}  {Figures.Error(module.Bound),8}  {Shape(module)}");
        }

        var within = report.Modules.Count(module => module.Within);
        text.AppendLine($"    {within} of {report.Modules.Count} outputs are within their bounds.");
    }

    private static string Shape(ModuleError module)
    {
        var shape = Figures.ShapeText(module.Shape);
        return module.PortShape is null ? "not in the port"
            : module.PortShape.SequenceEqual(module.Shape) ? shape
            : $"{shape} port {Figures.ShapeText(module.PortShape)}";
    }
}
