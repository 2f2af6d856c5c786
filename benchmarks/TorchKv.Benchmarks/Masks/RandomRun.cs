using System.Diagnostics;
using System.Globalization;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;
using TorchKv.Testing;

namespace TorchKv.Benchmarks.Masks;

/// <summary>Generations from random logits over random schemas, judged by JsonSchema.Net.</summary>
internal sealed class RandomRun
{
    private const int TextsPerSchema = 4;
    private const int LongestText = 200;

    private int _schemas;
    private int _refused;
    private int _ended;
    private int _cut;
    private int _valid;
    private int _notJudged;
    private int _failed;

    /// <summary>Generates texts and prints what came of them.</summary>
    /// <param name="generations">How many.</param>
    /// <param name="seed">Other schemas and texts for another seed.</param>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="output">Receives what is wrong at once, and the counts at the end.</param>
    /// <param name="cancellation">Ends the run.</param>
    /// <returns>Whether all texts that ended are valid.</returns>
    public static async Task<bool> RunAsync(
        int generations, int seed, Gpt2Tokenizer tokenizer, TextWriter output, CancellationToken cancellation)
    {
        var run = new RandomRun();
        var random = new Random(seed);
        var schemas = new RandomSchemas(random);
        var texts = new RandomTexts(tokenizer, random, LongestText);
        var wrong = 0;
        var began = Stopwatch.GetTimestamp();
        while (run._ended + run._cut + run._failed < generations)
        {
            cancellation.ThrowIfCancellationRequested();
            var schema = schemas.Next().ToJsonString();
            var options = new JsonSchemaOptions
            {
                Whitespace = (JsonWhitespace)random.Next(2),
                PropertyOrder = (JsonPropertyOrder)random.Next(2),
            };
            run._schemas++;
            ITokenMatcher start;
            try
            {
                start = await TokenConstraint.JsonSchema(schema, options).CompileAsync(tokenizer, cancellation);
            }
            catch (ConstraintException)
            {
                run._refused++;
                continue;
            }

            var judge = new SchemaJudge(schema);
            for (var i = 0; i < TextsPerSchema && run._ended + run._cut + run._failed < generations; i++)
            {
                if (run.Generate(texts, start.Fork(), judge, out var text) == SchemaVerdict.Invalid)
                {
                    output.WriteLine($"{options.Whitespace}, order {options.PropertyOrder}, {schema}\n  allows {text}");
                    wrong++;
                }
            }
        }

        var all = run._ended + run._cut + run._failed;
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {all} generations over {run._schemas} random schemas ({run._refused} refused), seed {seed}, {seconds:0} s
              ended                      {run._ended}
              of these valid             {run._valid}
              of these invalid           {wrong}, wanted 0
              of these not judged        {run._notJudged}
              cut after {LongestText} tokens       {run._cut}
              failed with an error       {run._failed}, wanted 0
            """));
        return wrong == 0 && run._failed == 0;
    }

    private SchemaVerdict? Generate(RandomTexts texts, ITokenMatcher matcher, SchemaJudge judge, out string? text)
    {
        text = null;
        try
        {
            text = texts.Write(matcher);
        }
        catch (Exception error) when (error is TorchKvException or InvalidDataException)
        {
            Console.Error.WriteLine(error.Message);
            _failed++;
            return null;
        }

        if (text is null)
        {
            _cut++;
            return null;
        }

        _ended++;
        var verdict = judge.Judge(text);
        _valid += verdict == SchemaVerdict.Valid ? 1 : 0;
        _notJudged += verdict == SchemaVerdict.NotJudged ? 1 : 0;
        return verdict;
    }
}
