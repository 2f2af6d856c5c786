using System.Security.Cryptography;
using System.Text;

namespace TorchKv.Runtime.Serving.Sessions;

/// <summary>
/// SHA-256 of everything that decides a model's keys and values: its configuration, its weights, and their dtypes.
/// </summary>
internal static class ModelIdentity
{
    public static byte[] OfText(string identity) => SHA256.HashData(Encoding.UTF8.GetBytes(identity));

    /// <param name="directory">The model's folder: its weights and configuration are read whole.</param>
    /// <param name="kept">The runner's name and the dtypes in which it keeps weights, keys and values.</param>
    public static byte[] OfFolder(string directory, string kept)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(kept + "\n"));
        var buffer = new byte[1 << 20];
        var paths = Directory.GetFiles(directory, "*.safetensors").Append(Path.Combine(directory, "config.json"));
        foreach (var path in paths.Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(path) + "\n"));
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            for (int read; (read = file.Read(buffer)) > 0;)
            {
                hash.AppendData(buffer, 0, read);
            }
        }

        return hash.GetHashAndReset();
    }
}
