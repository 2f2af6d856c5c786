using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Store;
using TorchKv.Server.Errors;
using static TorchKv.Batch.Endpoints.StoreCalls;

namespace TorchKv.Batch.Endpoints;

/// <summary>Reads an upload part by part; the file goes to the database as it comes.</summary>
internal sealed class FileUpload(FileStore files, BatchOptions options)
{
    /// <summary>Room for the form's other fields.</summary>
    private const int FormBytes = 64 << 10;

    private const int LongestName = 255;

    private const long LeastSeconds = 3600;
    private const long MostSeconds = 2_592_000;

    /// <summary>Stores the file of a form.</summary>
    /// <exception cref="ApiException">The form is wrong or the file too large.</exception>
    public async Task<StoredFile> ReadAsync(HttpContext context, string tenant)
    {
        var reader = new MultipartReader(BoundaryOf(context.Request), context.Request.Body)
        {
            HeadersLengthLimit = 16 << 10,
        };
        AllowBytes(context);
        var form = new Dictionary<string, string>();
        try
        {
            while (await reader.ReadNextSectionAsync(context.RequestAborted).ConfigureAwait(false) is { } section)
            {
                var header = section.GetContentDispositionHeader()
                    ?? throw Broken("a part has no Content-Disposition");
                if (header.IsFileDisposition() && header.Name == "file")
                {
                    return await StoreAsync(context, tenant, reader, section, header, form).ConfigureAwait(false);
                }

                await ReadFieldAsync(section, header, form, context.RequestAborted).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException)
        {
            throw Broken(e.Message);
        }

        throw ApiException.Invalid("file", "file is missing.", "missing_field");
    }

    private static string BoundaryOf(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            && HeaderUtilities.RemoveQuotes(type.Boundary).ToString() is { Length: >= 1 and <= 200 } boundary
            ? boundary
            : throw new ApiException(
                StatusCodes.Status415UnsupportedMediaType,
                ApiException.InvalidRequest,
                "unsupported_media_type",
                null,
                "The body must be multipart/form-data with the fields purpose and file.");

    private void AllowBytes(HttpContext context)
    {
        var most = options.MaxFileBytes + (2 * FormBytes);
        if (context.Request.ContentLength > most)
        {
            throw TooLarge();
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = most;
        }
    }

    private async Task<StoredFile> StoreAsync(
        HttpContext context,
        string tenant,
        MultipartReader reader,
        MultipartSection section,
        ContentDispositionHeaderValue header,
        Dictionary<string, string> form)
    {
        // What is known to be wrong already is refused before the file is read.
        _ = PurposeOf(form, isWhole: false);
        return await AskAsync(files.AddAsync(
            tenant,
            NameOf(header),
            new LimitedStream(section.Body, options.MaxFileBytes, TooLarge, e => Broken(e.Message)),
            async bytes =>
            {
                while (await reader.ReadNextSectionAsync(context.RequestAborted).ConfigureAwait(false) is { } more)
                {
                    var other = more.GetContentDispositionHeader() ?? throw Broken("a part has no Content-Disposition");
                    if (other.IsFileDisposition())
                    {
                        throw Broken("there are two files");
                    }

                    await ReadFieldAsync(more, other, form, context.RequestAborted).ConfigureAwait(false);
                }

                return bytes > 0
                    ? (PurposeOf(form, isWhole: true), SecondsOf(form))
                    : throw ApiException.Invalid("file", "file is empty.");
            },
            context.RequestAborted)).ConfigureAwait(false);
    }

    private static async Task ReadFieldAsync(
        MultipartSection section,
        ContentDispositionHeaderValue header,
        Dictionary<string, string> form,
        CancellationToken cancellationToken)
    {
        var name = HeaderUtilities.RemoveQuotes(header.Name).ToString();
        var buffer = new byte[1024];
        var length = await section.Body.ReadAtLeastAsync(
            buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (length == buffer.Length || form.Count >= 16)
        {
            throw Broken("a field is longer than 1023 bytes, or there are more than 16 fields");
        }

        form[name] = Encoding.UTF8.GetString(buffer, 0, length);
    }

    private static string PurposeOf(Dictionary<string, string> form, bool isWhole) =>
        form.TryGetValue("purpose", out var purpose)
            ? purpose == "batch" ? purpose : throw ApiException.Invalid(
                "purpose", "purpose must be batch: files have no other use here.", "unsupported_value")
            : isWhole ? throw ApiException.Invalid("purpose", "purpose is missing; it must be batch.", "missing_field")
            : "";

    private static long? SecondsOf(Dictionary<string, string> form)
    {
        if (!form.TryGetValue("expires_after[seconds]", out var text))
        {
            return null;
        }

        return form.GetValueOrDefault("expires_after[anchor]", "created_at") == "created_at"
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && seconds is >= LeastSeconds and <= MostSeconds
            ? seconds
            : throw ApiException.Invalid(
                "expires_after",
                $"expires_after must have the anchor created_at, and from {LeastSeconds} to {MostSeconds} seconds.");
    }

    /// <summary>The file's own name without a folder and without what no list should show.</summary>
    private static string NameOf(ContentDispositionHeaderValue header)
    {
        var given = HeaderUtilities.RemoveQuotes(
            header.FileNameStar.HasValue ? header.FileNameStar : header.FileName).ToString();
        var name = new string([.. given.Where(c => !char.IsControl(c) && !char.IsSurrogate(c))]);
        name = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        return name.Length == 0 ? "batch.jsonl" : name.Length <= LongestName ? name : name[..LongestName];
    }

    private ApiException TooLarge() => ErrorMap.TooLarge(limit: options.MaxFileBytes);

    private static ApiException Broken(string what) =>
        new(400, ApiException.InvalidRequest, "invalid_request", null, $"The form cannot be read: {what}.");
}
