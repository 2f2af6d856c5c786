using System.Text.Json;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>Reads <c>model.safetensors.index.json</c>: which shard holds which tensor.</summary>
internal static class ShardIndex
{
    // Some hundred bytes a tensor; a model of a thousand layers has 12,000.
    private const long LargestFile = 16 << 20;

    /// <summary>
    /// Tensor name, as in the files → the name of its shard, a plain name of a file in the index's folder.
    /// </summary>
    public static Dictionary<string, string> Read(string path)
    {
        byte[] json;
        try
        {
            var length = new FileInfo(path).Length;
            if (length > LargestFile)
            {
                throw new CheckpointException(
                    path, null, $"has {length:N0} bytes; an index has at most {LargestFile:N0}.");
            }

            json = File.ReadAllBytes(path);
            if (GitLfsPointer.Begins(json))
            {
                throw new CheckpointException(path, null, GitLfsPointer.Reason);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, null, $"cannot be read: {error.Message}", error);
        }

        try
        {
            return Parse(json, path);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException(path, null, $"is not JSON of an index: {JsonErrors.Describe(error)}", error);
        }
    }

    private static Dictionary<string, string> Parse(byte[] json, string path)
    {
        Dictionary<string, string>? map = null;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException(path, null, "is not a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!reader.ValueTextEquals("weight_map"))
            {
                reader.Read();
                reader.Skip();
                continue;
            }

            reader.Read();
            if (map is not null || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new CheckpointException(path, null, "weight_map must be one object.");
            }

            map = [];
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var tensor = reader.GetString()!;
                reader.Read();
                var shard = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
                if (!IsPlainName(shard))
                {
                    var shown = shard.Length <= 60 ? shard : shard[..60] + "…";
                    throw new CheckpointException(
                        path, tensor, $"its shard \"{shown}\" is not a plain name of a file in this folder.");
                }

                if (!map.TryAdd(tensor, shard))
                {
                    throw new CheckpointException(path, tensor, "appears twice in weight_map.");
                }
            }
        }

        reader.Read();
        return map ?? throw new CheckpointException(path, null, "has no weight_map.");
    }

    // A checkpoint must not name files outside its folder. Windows' separators count on every system.
    private static bool IsPlainName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
