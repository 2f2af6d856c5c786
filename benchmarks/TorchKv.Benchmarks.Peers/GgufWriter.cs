using System.Text;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// Writes a GPT-2 checkpoint as a float32 GGUF file (version 3), without a vocabulary: llama.cpp is fed ids. Or a
/// vocabulary with the smallest model that llama.cpp loads.
/// </summary>
/// <remarks>Conv1D weights are stored (in, out) by HuggingFace and (out, in) by GGUF.</remarks>
internal sealed class GgufWriter
{
    private const uint Unsigned32 = 4;
    private const uint Float32 = 6;
    private const uint Signed32 = 5;
    private const uint Text = 8;
    private const uint List = 9;

    // llama.cpp's kinds of tokens.
    private const int NormalToken = 1;
    private const int ControlToken = 3;

    private const int Alignment = 32;

    private readonly List<(string Name, long[] Shape, Func<float[]> Values)> _tensors = [];
    private readonly MemoryStream _keys = new();
    private readonly BinaryWriter _keyWriter;
    private int _keyCount;

    private GgufWriter() => _keyWriter = new BinaryWriter(_keys);

    /// <summary>
    /// Writes <paramref name="file"/>; <paramref name="tensor"/> gives a tensor's float32 values by HuggingFace's name,
    /// without <c>transformer.</c>
    /// </summary>
    public static void Write(string file, Gpt2Config config, Func<string, float[]> tensor)
    {
        var gguf = new GgufWriter();
        gguf.Key("tokenizer.ggml.model", "no_vocab");
        gguf.Model(config, tensor);
        gguf.Save(file);
    }

    /// <summary>Writes a byte-level BPE vocabulary.</summary>
    /// <param name="file">The file.</param>
    /// <param name="tokens">The tokens by id, as HuggingFace's files have them.</param>
    /// <param name="merges">The merges, two tokens with a blank between them.</param>
    /// <param name="endOfText">The id that ends a text.</param>
    public static void WriteVocabulary(string file, string[] tokens, string[] merges, int endOfText)
    {
        var gguf = new GgufWriter();
        gguf.Key("tokenizer.ggml.model", "gpt2");
        gguf.Key("tokenizer.ggml.pre", "gpt-2");
        gguf.Key("tokenizer.ggml.tokens", tokens);
        gguf.Key("tokenizer.ggml.merges", merges);
        gguf.Begin("tokenizer.ggml.token_type", List);
        gguf._keyWriter.Write(Signed32);
        gguf._keyWriter.Write((ulong)tokens.Length);
        for (var id = 0; id < tokens.Length; id++)
        {
            gguf._keyWriter.Write(id == endOfText ? ControlToken : NormalToken);
        }

        gguf.Key("tokenizer.ggml.bos_token_id", (uint)endOfText);
        gguf.Key("tokenizer.ggml.eos_token_id", (uint)endOfText);
        const int Width = 32;
        var config = new Gpt2Config
        {
            VocabSize = tokens.Length,
            EmbeddingSize = Width,
            HeadCount = 1,
            InnerSize = Width,
            LayerCount = 1,
            ContextLength = Width,
        };
        gguf.Model(config, name => new float[name switch
        {
            "wte.weight" => tokens.Length * Width,
            _ when name.EndsWith("c_attn.weight", StringComparison.Ordinal) => 3 * Width * Width,
            _ when name.EndsWith("c_attn.bias", StringComparison.Ordinal) => 3 * Width,
            _ when name.StartsWith("h.", StringComparison.Ordinal) && name.Contains("c_", StringComparison.Ordinal)
                && name.EndsWith("weight", StringComparison.Ordinal)
                => Width * Width,
            "wpe.weight" => Width * Width,
            _ => Width,
        }]);
        gguf.Save(file);
    }

    private void Model(Gpt2Config config, Func<string, float[]> tensor)
    {
        Key("general.architecture", "gpt2");
        Key("general.name", "torchkv");
        Key("gpt2.context_length", (uint)config.ContextLength);
        Key("gpt2.embedding_length", (uint)config.EmbeddingSize);
        Key("gpt2.feed_forward_length", (uint)config.InnerSize);
        Key("gpt2.block_count", (uint)config.LayerCount);
        Key("gpt2.attention.head_count", (uint)config.HeadCount);
        Key("gpt2.attention.layer_norm_epsilon", config.LayerNormEpsilon);
        Key("gpt2.vocab_size", (uint)config.VocabSize);

        int width = config.EmbeddingSize, inner = config.InnerSize;
        Tensor("token_embd.weight", [config.VocabSize, width], () => tensor("wte.weight"));
        Tensor("position_embd.weight", [config.ContextLength, width], () => tensor("wpe.weight"));
        if (!config.TieWordEmbeddings)
        {
            Tensor("output.weight", [config.VocabSize, width], () => tensor("lm_head.weight"));
        }

        Vector("output_norm.weight", "ln_f.weight", width, tensor);
        Vector("output_norm.bias", "ln_f.bias", width, tensor);
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            string ours = $"h.{layer}.", theirs = $"blk.{layer}.";
            foreach (var (name, source, inputs, outputs) in new[]
            {
                ("attn_qkv", "attn.c_attn", width, 3 * width),
                ("attn_output", "attn.c_proj", width, width),
                ("ffn_up", "mlp.c_fc", width, inner),
                ("ffn_down", "mlp.c_proj", inner, width),
            })
            {
                Tensor(
                    theirs + name + ".weight",
                    [outputs, inputs],
                    () => Transpose(tensor(ours + source + ".weight"), inputs, outputs));
                Vector(theirs + name + ".bias", ours + source + ".bias", outputs, tensor);
            }

            foreach (var (name, source) in new[] { ("attn_norm", "ln_1"), ("ffn_norm", "ln_2") })
            {
                Vector(theirs + name + ".weight", ours + source + ".weight", width, tensor);
                Vector(theirs + name + ".bias", ours + source + ".bias", width, tensor);
            }
        }
    }

    private static float[] Transpose(float[] values, int rows, int columns)
    {
        var result = new float[values.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                result[((long)column * rows) + row] = values[((long)row * columns) + column];
            }
        }

        return result;
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void Pad(Stream stream)
    {
        while (stream.Position % Alignment != 0)
        {
            stream.WriteByte(0);
        }
    }

    private void Key(string name, string value)
    {
        Begin(name, Text);
        WriteText(_keyWriter, value);
    }

    private void Key(string name, string[] values)
    {
        Begin(name, List);
        _keyWriter.Write(Text);
        _keyWriter.Write((ulong)values.Length);
        foreach (var value in values)
        {
            WriteText(_keyWriter, value);
        }
    }

    private void Key(string name, uint value)
    {
        Begin(name, Unsigned32);
        _keyWriter.Write(value);
    }

    private void Key(string name, float value)
    {
        Begin(name, Float32);
        _keyWriter.Write(value);
    }

    private void Begin(string name, uint type)
    {
        WriteText(_keyWriter, name);
        _keyWriter.Write(type);
        _keyCount++;
    }

    private void Vector(string name, string source, int length, Func<string, float[]> tensor) =>
        Tensor(name, [length], () => tensor(source));

    private void Tensor(string name, long[] shape, Func<float[]> values) => _tensors.Add((name, shape, values));

    private void Save(string file)
    {
        using var stream = new BufferedStream(File.Create(file), 1 << 20);
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_keyCount);
        writer.Write(_keys.ToArray());
        ulong offset = 0;
        foreach (var (name, shape, _) in _tensors)
        {
            WriteText(writer, name);
            writer.Write((uint)shape.Length);
            foreach (var size in shape.Reverse())
            {
                writer.Write((ulong)size);
            }

            writer.Write(0u);
            writer.Write(offset);
            var bytes = 4 * (ulong)shape.Aggregate(1L, (a, b) => a * b);
            offset += (bytes + Alignment - 1) / Alignment * Alignment;
        }

        writer.Flush();
        Pad(stream);
        foreach (var (name, shape, values) in _tensors)
        {
            var data = values();
            if (data.Length != shape.Aggregate(1L, (a, b) => a * b))
            {
                throw new InvalidDataException($"{name}: {data.Length} values for shape ({string.Join(", ", shape)}).");
            }

            writer.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(data.AsSpan()));
            writer.Flush();
            Pad(stream);
        }
    }
}
