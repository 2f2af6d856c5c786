using System.Diagnostics;
using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Schemas;

/// <summary>Compiles the schemas of a suite and asks the constraints for its instances.</summary>
internal static class SchemaSuite
{
    /// <summary>Runs a suite.</summary>
    /// <param name="cases">The schemas and instances.</param>
    /// <param name="options">How schemas are compiled.</param>
    public static async Task<SuiteReport> RunAsync(IEnumerable<SuiteCase> cases, JsonSchemaOptions options)
    {
        var report = new SuiteReport();
        var vocabulary = new ByteVocabulary();
        var mask = new ulong[4];
        foreach (var schema in cases)
        {
            report.Schemas++;
            var began = Stopwatch.GetTimestamp();
            ITokenMatcher start;
            try
            {
                start = await TokenConstraint.JsonSchema(schema.Schema, options).CompileAsync(vocabulary);
                start.WriteMask(mask);
            }
            catch (ConstraintException refusal)
            {
                report.Refused.Add((schema.Name, refusal.Keyword ?? "?", refusal.Message));
                continue;
            }

            report.CompileTimes.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            for (var i = 0; i < schema.Tests.Count; i++)
            {
                Judge(report, schema, i, start);
            }
        }

        return report;
    }

    private static void Judge(SuiteReport report, SuiteCase schema, int index, ITokenMatcher start)
    {
        var (data, isValid) = schema.Tests[index];
        var isAllowed = Allows(start.Fork(), data);
        if (!isValid)
        {
            report.Invalid++;
            if (isAllowed)
            {
                report.InvalidAllowed.Add($"{schema.Name} #{index}");
            }

            return;
        }

        report.Valid++;
        if (isAllowed)
        {
            return;
        }

        report.ValidRefused.Add($"{schema.Name} #{index}");
        if (!Allows(start.Fork(), SchemaOrder.Of(schema.Schema, data)))
        {
            report.ValidRefusedInOrder.Add($"{schema.Name} #{index}");
        }
    }

    private static bool Allows(ITokenMatcher matcher, JsonElement data)
    {
        foreach (var value in Encoding.UTF8.GetBytes(CompactJson.Of(data)))
        {
            if (!matcher.TryAppend(value))
            {
                return false;
            }
        }

        return matcher.CanEnd;
    }
}
