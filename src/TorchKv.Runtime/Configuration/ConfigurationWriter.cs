using System.Text.Json;

namespace TorchKv.Runtime.Configuration;

/// <summary>Writes the two configuration files of HuggingFace's layout, keys in its order (by name).</summary>
internal static class ConfigurationWriter
{
    private static readonly JsonWriterOptions s_indented = new() { Indented = true };

    public static byte[] Config(Gpt2Config config, string dtype) => Write(json =>
    {
        json.WriteString("activation_function", ActivationNames.Of(config.Activation));
        json.WriteBoolean("add_cross_attention", false);
        json.WriteStartArray("architectures");
        json.WriteStringValue("GPT2LMHeadModel");
        json.WriteEndArray();
        json.WriteNumber("attn_pdrop", config.AttentionDropout);
        OptionalId(json, "bos_token_id", config.BosTokenId);
        json.WriteString("dtype", dtype);
        json.WriteNumber("embd_pdrop", config.EmbeddingDropout);
        Ids(json, "eos_token_id", config.EosTokenIds);
        json.WriteNumber("initializer_range", 0.02f);
        json.WriteNumber("layer_norm_epsilon", config.LayerNormEpsilon);
        json.WriteString("model_type", "gpt2");
        json.WriteNumber("n_embd", config.EmbeddingSize);
        json.WriteNumber("n_head", config.HeadCount);
        json.WriteNumber("n_inner", config.InnerSize);
        json.WriteNumber("n_layer", config.LayerCount);
        json.WriteNumber("n_positions", config.ContextLength);
        OptionalId(json, "pad_token_id", config.PadTokenId);
        json.WriteBoolean("reorder_and_upcast_attn", config.ReorderAndUpcastAttention);
        json.WriteNumber("resid_pdrop", config.ResidualDropout);
        json.WriteBoolean("scale_attn_by_inverse_layer_idx", config.ScaleAttentionByInverseLayerIndex);
        json.WriteBoolean("scale_attn_weights", config.ScaleAttentionWeights);
        json.WriteBoolean("tie_word_embeddings", config.TieWordEmbeddings);

        // transformers before 4.56 knows the field by this name.
        json.WriteString("torch_dtype", dtype);
        json.WriteBoolean("use_cache", true);
        json.WriteNumber("vocab_size", config.VocabSize);
    });

    public static byte[] GenerationConfig(Gpt2Config config) => Write(json =>
    {
        OptionalId(json, "bos_token_id", config.BosTokenId);
        Ids(json, "eos_token_id", config.EosTokenIds);
        OptionalId(json, "pad_token_id", config.PadTokenId);
    });

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, s_indented))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void OptionalId(Utf8JsonWriter json, string name, int? id)
    {
        if (id is int value)
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static void Ids(Utf8JsonWriter json, string name, IReadOnlyList<int> ids)
    {
        if (ids.Count <= 1)
        {
            OptionalId(json, name, ids.Count == 0 ? null : ids[0]);
            return;
        }

        json.WriteStartArray(name);
        foreach (var id in ids)
        {
            json.WriteNumberValue(id);
        }

        json.WriteEndArray();
    }
}
