using System.Text.Encodings.Web;
using System.Text.Json;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Json;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Tests.Json;

/// <summary>Asks a compiled schema whether it allows whole texts.</summary>
internal sealed class SchemaMatcher
{
    private readonly Recognizer _recognizer;

    private SchemaMatcher(Recognizer recognizer) => _recognizer = recognizer;

    /// <summary>Compiles a schema.</summary>
    public static SchemaMatcher Compile(ReadOnlyMemory<byte> schema, JsonSchemaOptions? options = null)
    {
        // A busy machine must not decide a test.
        var limits = new WorkLimits { CompileTime = TimeSpan.FromMinutes(1) };
        var budget = new WorkBudget(limits);
        var regexes = new RegexFactory(budget);
        Grammar grammar = SchemaCompiler.Compile(schema, options ?? new JsonSchemaOptions(), regexes, budget);
        return new SchemaMatcher(new Recognizer(GrammarFlattener.Flatten(grammar, budget), limits));
    }

    /// <summary>Compiles a schema.</summary>
    public static SchemaMatcher Compile(string schema, JsonSchemaOptions? options = null) =>
        Compile(System.Text.Encoding.UTF8.GetBytes(schema), options);

    /// <summary>Whether the text is allowed.</summary>
    public bool Allows(string text) => Allows(System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Whether the value is allowed, written without whitespace and without needless escapes.</summary>
    public bool Allows(JsonElement value)
    {
        using var written = new MemoryStream();
        using (var writer = new Utf8JsonWriter(
            written, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 256 }))
        {
            value.WriteTo(writer);
        }

        return Allows(written.ToArray());
    }

    /// <summary>Whether the text is allowed.</summary>
    public bool Allows(ReadOnlySpan<byte> text)
    {
        ParserThread[] threads = [_recognizer.Start];
        bool mayEnd = _recognizer.StartMayEnd;
        foreach (byte value in text)
        {
            var next = new ParserThread[threads.Length + 1];
            int count = _recognizer.Step(threads, value, next, out mayEnd);
            if (count == 0)
            {
                return false;
            }

            threads = next[..count];
        }

        return mayEnd;
    }
}
