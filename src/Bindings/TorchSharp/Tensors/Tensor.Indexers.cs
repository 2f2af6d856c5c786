using System.Runtime.CompilerServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1]
        {
            get => select(0, i1);
            set => SetSelected(value, [i1]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get => Selected([i1, i2]);
            set => SetSelected(value, [i1, i2]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3]
        {
            get => Selected([i1, i2, i3]);
            set => SetSelected(value, [i1, i2, i3]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => Selected([i1, i2, i3, i4]);
            set => SetSelected(value, [i1, i2, i3, i4]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5]
        {
            get => Selected([i1, i2, i3, i4, i5]);
            set => SetSelected(value, [i1, i2, i3, i4, i5]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5, long i6]
        {
            get => Selected([i1, i2, i3, i4, i5, i6]);
            set => SetSelected(value, [i1, i2, i3, i4, i5, i6]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params long[] indices]
        {
            get => Selected(indices);
            set => SetSelected(value, indices);
        }

        /// <summary>A view where the expression has integers, slices, ellipsis and new dimensions alone; a copy with tensors.</summary>
        public Tensor index(params TensorIndex[] indices)
        {
            var view = Sliced(indices, out var tensors, out var count);
            if (count == 0)
            {
                return view;
            }
            var result = Aten.index_Tensor.Call(view, Arg.Indices(tensors!, count));
            view.Dispose();
            return result;
        }

        public Tensor index(params Tensor[] indices) => Aten.index_Tensor.Call(this, Arg.Indices(indices, indices.Length));

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, accumulate: false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            using var view = Sliced(indices, out var tensors, out var count);
            if (count > 0)
            {
                Aten.index_put_.Run(view, Arg.Indices(tensors!, count), value, accumulate);
            }
            else if (accumulate)
            {
                view.add_(value);
            }
            else
            {
                CopyWithoutLeadingOnes(view, value);
            }
            return this;
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, accumulate: false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            Aten.index_put_.InPlace(this, Arg.Indices(indices, indices.Length), value, accumulate);

        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using var view = Sliced(indices, out var tensors, out var count);
            if (count == 0)
            {
                view.fill_(value);
                return this;
            }
            using var filler = full(Array.Empty<long>(), value, dtype: dtype, device: device);
            Aten.index_put_.Run(view, Arg.Indices(tensors!, count), filler, false);
            return this;
        }

        public Tensor index_put_(Scalar value, params Tensor[] indices)
        {
            using var filler = full(Array.Empty<long>(), value, dtype: dtype, device: device);
            return index_put_(filler, indices, accumulate: false);
        }

        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) => Aten.index_add_.InPlace(this, dim, index, source, alpha);

        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) => Aten.index_add.Call(this, dim, index, source, alpha);

        public Tensor masked_select(Tensor mask) => Aten.masked_select.Call(this, mask);

        public IList<Tensor> nonzero_as_list() => Aten.nonzero_numpy.CallList(this);

        // Applies everything but the tensors, each as a step on the dimension that it stands for, as Python's own indexing does;
        // what remains is one index call with the tensors at their dimensions.
        private Tensor Sliced(TensorIndex[] indices, out Tensor?[]? tensors, out int count)
        {
            var consumed = 0;
            foreach (var index in indices)
            {
                consumed += index.kind switch
                {
                    TensorIndex.Kind.Single or TensorIndex.Kind.Slice => 1,
                    TensorIndex.Kind.Tensor => index.tensor is { } t && (t.dtype == ScalarType.Bool || t.dtype == ScalarType.Byte) ? (int)t.ndim : 1,
                    _ => 0,
                };
            }
            if (consumed > ndim)
            {
                throw new System.Runtime.InteropServices.ExternalException($"too many indices for tensor of dimension {ndim}");
            }
            tensors = null;
            count = 0;
            var skipped = (int)ndim - consumed;
            var dimension = 0;
            Tensor? result = null;
            foreach (var index in indices)
            {
                Tensor? next = null;
                var current = result ?? this;
                switch (index.kind)
                {
                    case TensorIndex.Kind.Single:
                        next = current.select(dimension, index.start ?? 0);
                        break;
                    case TensorIndex.Kind.Slice:
                        if (index.start is not null || index.stop is not null || index.step is not null)
                        {
                            next = Aten.slice_Tensor.Call(current, dimension, index.start, index.stop, index.step ?? 1);
                        }
                        dimension++;
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        dimension += skipped;
                        break;
                    case TensorIndex.Kind.None or TensorIndex.Kind.Null:
                        next = current.unsqueeze(dimension++);
                        break;
                    case TensorIndex.Kind.Bool:
                        next = current.unsqueeze(dimension);
                        Put(ref tensors, ref count, dimension++, tensor(index.start != 0).to(device));
                        break;
                    case TensorIndex.Kind.Tensor:
                        var by = index.tensor!;
                        Put(ref tensors, ref count, dimension, by);
                        dimension += by.dtype is ScalarType.Bool or ScalarType.Byte ? (int)by.ndim : 1;
                        break;
                }
                if (next is not null)
                {
                    result?.Dispose();
                    result = next;
                }
            }
            return result ?? alias();
        }

        // A mask of several dimensions stands for as many: the positions after it stay empty, which libtorch reads as skipped
        // by the mask itself, so it is one entry in the list.
        private static void Put(ref Tensor?[]? tensors, ref int count, int dimension, Tensor index)
        {
            tensors ??= new Tensor?[16];
            while (count < dimension - ExtraDimensions(tensors, count))
            {
                count++;
            }
            tensors[count++] = index;
        }

        private static int ExtraDimensions(Tensor?[] tensors, int count)
        {
            var extra = 0;
            for (var i = 0; i < count; i++)
            {
                if (tensors[i] is { } t && t.dtype is ScalarType.Bool or ScalarType.Byte)
                {
                    extra += (int)t.ndim - 1;
                }
            }
            return extra;
        }

        // A value may have more dimensions than its place, as long as the extra ones have size 1.
        private static void CopyWithoutLeadingOnes(Tensor target, Tensor value)
        {
            var extra = (int)(value.ndim - target.ndim);
            if (extra <= 0)
            {
                target.copy_(value);
                return;
            }
            var sizes = value.shape;
            using var reduced = Array.TrueForAll(sizes[..extra], size => size == 1) ? value.view(sizes[extra..]) : value.alias();
            target.copy_(reduced);
        }

        private Tensor Selected(ReadOnlySpan<long> indices)
        {
            var result = select(0, indices[0]);
            for (var i = 1; i < indices.Length; i++)
            {
                var next = result.select(0, indices[i]);
                result.Dispose();
                result = next;
            }
            return result;
        }

        private void SetSelected(Tensor value, ReadOnlySpan<long> indices)
        {
            using var target = Selected(indices);
            target.copy_(value);
        }
    }
}

file static class Aten
{
    public static readonly Op index_Tensor = new("index", "Tensor");
    public static readonly Op index_put_ = new("index_put_");
    public static readonly Op index_add = new("index_add");
    public static readonly Op index_add_ = new("index_add_");
    public static readonly Op masked_select = new("masked_select");
    public static readonly Op nonzero_numpy = new("nonzero_numpy");
    public static readonly Op slice_Tensor = new("slice", "Tensor");
}
