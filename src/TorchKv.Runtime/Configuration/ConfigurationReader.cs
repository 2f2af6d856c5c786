using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Configuration;

/// <summary>Reads HuggingFace's <c>config.json</c> and <c>generation_config.json</c> of a GPT-2.</summary>
internal static class ConfigurationReader
{
    // The published files have under 1 KiB.
    private const long LargestFile = 1 << 20;

    public static Gpt2Config Load(string path)
    {
        var file = Directory.Exists(path) ? Path.Combine(path, "config.json") : path;
        var config = ReadModel(ReadFile(file), file);
        var generation = Path.Combine(Path.GetDirectoryName(file) ?? "", "generation_config.json");
        if (File.Exists(generation))
        {
            config = ReadGeneration(ReadFile(generation), generation, config);
        }

        config.Validate(file);
        return config;
    }

    public static Gpt2Config Parse(ReadOnlySpan<byte> utf8Json, string source)
    {
        var config = ReadModel(utf8Json, source);
        config.Validate(source);
        return config;
    }

    private static byte[] ReadFile(string file)
    {
        try
        {
            using var handle = File.OpenHandle(file);
            var length = RandomAccess.GetLength(handle);
            if (length > LargestFile)
            {
                throw new ConfigurationException(
                    file, null, $"has {length:N0} bytes; a configuration has at most {LargestFile:N0}.");
            }

            var bytes = new byte[length];
            var read = 0;
            while (read < bytes.Length && RandomAccess.Read(handle, bytes.AsSpan(read), read) is > 0 and var count)
            {
                read += count;
            }

            if (GitLfsPointer.Begins(bytes))
            {
                throw new ConfigurationException(file, null, GitLfsPointer.Reason);
            }

            return read == bytes.Length ? bytes : bytes[..read];
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ConfigurationException(
                file, null, "there is no such file; a model's folder holds config.json and the weights.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(file, null, $"cannot be read: {error.Message}", error);
        }
    }

    private static Gpt2Config ReadModel(ReadOnlySpan<byte> utf8Json, string source)
    {
        var config = new Gpt2Config();
        string? modelType = null;

        // A size has two names: GPT-2's own and one that all models share (GPT2Config.attribute_map).
        int? positions = null, oldContext = null;
        var sizes = new Dictionary<string, (string Field, int Value)>();
        var fields = new JsonFields(utf8Json, source);
        while (fields.Next())
        {
            switch (fields.Name)
            {
                case "model_type":
                    modelType = fields.String();
                    break;
                case "vocab_size":
                    config = config with { VocabSize = fields.Int32() };
                    break;
                case "n_positions" or "max_position_embeddings":
                    positions = Size(fields.Name, "n_positions", fields.Int32());
                    config = config with { ContextLength = positions.Value };
                    break;
                case "n_ctx":
                    oldContext = fields.Int32();
                    break;
                case "n_embd" or "hidden_size":
                    config = config with { EmbeddingSize = Size(fields.Name, "n_embd", fields.Int32()) };
                    break;
                case "n_layer" or "num_hidden_layers":
                    config = config with { LayerCount = Size(fields.Name, "n_layer", fields.Int32()) };
                    break;
                case "n_head" or "num_attention_heads":
                    config = config with { HeadCount = Size(fields.Name, "n_head", fields.Int32()) };
                    break;
                case "n_inner":
                    config = fields.IsNull ? config : config with { InnerSize = fields.Int32() };
                    break;
                case "activation_function":
                    config = config with { Activation = Activation(fields.String()) };
                    break;
                case "layer_norm_epsilon":
                    config = config with { LayerNormEpsilon = fields.Single() };
                    break;
                case "scale_attn_weights":
                    config = config with { ScaleAttentionWeights = fields.Boolean() };
                    break;
                case "scale_attn_by_inverse_layer_idx":
                    config = config with { ScaleAttentionByInverseLayerIndex = fields.Boolean() };
                    break;
                case "reorder_and_upcast_attn":
                    config = config with { ReorderAndUpcastAttention = fields.Boolean() };
                    break;
                case "tie_word_embeddings":
                    config = config with { TieWordEmbeddings = fields.Boolean() };
                    break;
                case "embd_pdrop":
                    config = config with { EmbeddingDropout = fields.Single() };
                    break;
                case "attn_pdrop":
                    config = config with { AttentionDropout = fields.Single() };
                    break;
                case "resid_pdrop":
                    config = config with { ResidualDropout = fields.Single() };
                    break;
                case "bos_token_id":
                    config = config with { BosTokenId = fields.TokenId() };
                    break;
                case "eos_token_id":
                    config = config with { EosTokenIds = fields.TokenIds() };
                    break;
                case "pad_token_id":
                    config = config with { PadTokenId = fields.TokenId() };
                    break;
                case "is_causal":
                    RefuseUnless(
                        fields.Name,
                        fields.Boolean(),
                        "attention that sees later tokens is not supported; it must be true.");
                    break;
                case "add_cross_attention" or "is_encoder_decoder":
                    RefuseUnless(
                        fields.Name,
                        !fields.Boolean(),
                        "cross-attention to an encoder is not supported; it must be false.");
                    break;
                case "pruned_heads":
                    RefuseUnless(fields.Name, fields.SkipsEmpty(), "pruned heads are not supported; it must be empty.");
                    break;
                case "quantization_config":
                    RefuseUnless(
                        fields.Name,
                        fields.SkipsEmpty(),
                        "weights quantized by another tool are not supported; "
                            + "save the model in float32, float16 or bfloat16.");
                    break;
                default:
                    // Everything else concerns training, other heads or HuggingFace's own outputs.
                    fields.Skip();
                    break;
            }
        }

        if (modelType is not (null or "gpt2"))
        {
            throw new ConfigurationException(
                source, "model_type", $"\"{Shorten(modelType)}\" is not supported; it must be \"gpt2\".");
        }

        // Old files name the same length n_ctx; n_positions decides where both are there.
        return positions is null && oldContext is int context ? config with { ContextLength = context } : config;

        int Size(string field, string key, int value)
        {
            if (sizes.TryGetValue(key, out var other) && other.Value != value)
            {
                throw new ConfigurationException(
                    source, field, $"is {value}, but {other.Field} is {other.Value}, and both name the same size.");
            }

            sizes[key] = (field, value);
            return value;
        }

        Gpt2Activation Activation(string name) => ActivationNames.TryParse(name, out var activation)
            ? activation
            : throw new ConfigurationException(
                source,
                "activation_function",
                $"\"{Shorten(name)}\" is not supported; it must be one of {ActivationNames.List}.");

        void RefuseUnless(string field, bool holds, string reason)
        {
            if (!holds)
            {
                throw new ConfigurationException(source, field, reason);
            }
        }
    }

    /// <summary>
    /// Reads the ids that begin, end and pad a text from <c>generation_config.json</c>. Its sampling options are
    /// ignored: they are the caller's choice.
    /// </summary>
    private static Gpt2Config ReadGeneration(ReadOnlySpan<byte> utf8Json, string source, Gpt2Config config)
    {
        // Where the file exists, it alone decides: an id that it leaves out is none, whatever config.json says.
        config = config with { BosTokenId = null, EosTokenIds = [], PadTokenId = null };
        var fields = new JsonFields(utf8Json, source);
        while (fields.Next())
        {
            switch (fields.Name)
            {
                case "bos_token_id":
                    config = config with { BosTokenId = fields.TokenId() };
                    break;
                case "eos_token_id":
                    config = config with { EosTokenIds = fields.TokenIds() };
                    break;
                case "pad_token_id":
                    config = config with { PadTokenId = fields.TokenId() };
                    break;
                default:
                    fields.Skip();
                    break;
            }
        }

        return config;
    }

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
